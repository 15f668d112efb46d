import { expect, it } from 'vitest';
import type { RaceFacts } from '../protocol/document.ts';
import { decodeFacts, MAX_FACTS_BYTES } from './race-facts.ts';

function decode(value: unknown) {
  const facts: RaceFacts[] = [];
  const refused: [string, string][] = [];
  const bytes = value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value));
  const accepted = decodeFacts(bytes, {
    frame: () => expect.unreachable(),
    facts: (one) => facts.push(one),
    refuse: (...refusal) => refused.push(refusal),
  });
  expect(facts.length).toBe(accepted ? 1 : 0);
  return { facts: facts[0], refused: refused[0] };
}

it('delivers facts as they were sent', () => {
  const roster = [{ car: '07', driver: 'A. Driver', team: 'T', make: 'M' }, { car: '7' }];
  const facts = {
    name: 'N',
    track: 'T',
    trackLengthM: 4023.4,
    kind: 'live',
    origin: 'O.',
    lapsTotal: 200,
    flag: 'green',
    roster,
    control: [{ text: 'Debris in turn 2' }, { text: 'Pit road is open', atMs: 1_700_000_000_000 }],
  };
  expect(decode(facts).facts).toEqual(facts);
  expect(decode({}).facts).toEqual({});
});

it.each([
  [{ nmae: 'x' }, 'There is no field "nmae" in the facts of a race.'],
  [{ name: '' }, 'The field name in the facts of a race must be a text of 1 to 120 characters.'],
  [
    { trackLengthM: 0 },
    'The field trackLengthM in the facts of a race must be a number of metres above 0 and up to 100000.',
  ],
  [
    { flag: 'blue' },
    'The field flag in the facts of a race must be one of none, green, yellow, red, white, checkered.',
  ],
  [{ lapsTotal: 1.5 }, 'The field lapsTotal in the facts of a race must be an integer from 1 to 10000.'],
  [{ roster: [{ driver: 'x' }] }, 'The field car is missing in roster[0].'],
  [{ roster: [{ car: '1' }, { car: '1' }] }, 'The roster names a car twice.'],
  [{ roster: [{ car: '1', age: 5 }] }, 'There is no field "age" in roster[0].'],
  [{ control: 'Debris' }, 'The field control in the facts of a race must be a list of at most 100 messages.'],
  [
    { control: Array.from({ length: 101 }, () => ({ text: 'x' })) },
    'The field control in the facts of a race must be a list of at most 100 messages.',
  ],
  [{ control: [{ atMs: 5 }] }, 'The field text is missing in control[0].'],
  [{ control: [{ text: 'x'.repeat(241) }] }, 'The field text in control[0] must be a text of 1 to 240 characters.'],
  [{ control: [{ text: 'x', atMs: 1.5 }] }, 'The field atMs in control[0] must be a time in Unix ms.'],
  [{ control: [{ text: 'x', car: '24' }] }, 'There is no field "car" in control[0].'],
  [{ roster: [5] }, 'The value of roster[0] must be an object.'],
  [JSON.parse('{"__proto__":{"name":"x"}}'), 'There is no field "__proto__" in the facts of a race.'],
  [[], 'The value of the facts of a race must be an object.'],
  [null, 'The value of the facts of a race must be an object.'],
  [new Uint8Array([0x7b, 0xff]), 'The facts of a race must be JSON in UTF-8.'],
])('refuses %j with a sentence', (value, sentence) => {
  expect(decode(value)).toEqual({ facts: undefined, refused: ['malformed', sentence] });
});

it('refuses what is too large', () => {
  expect(decode(new Uint8Array(MAX_FACTS_BYTES + 1)).refused?.[0]).toBe('oversized');
});
