import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkSession,
  formatSession,
  isSessionId,
  MAX_SESSION_BYTES,
  MAX_SESSION_CARS,
  MAX_SESSION_RACES,
  MAX_STAMP_MS,
  MAX_TV_DELAY_MS,
  parseSession,
  sessionIdOf,
} from './session.ts';
import { attempt, codeOf } from './testing/bytes.ts';
import { sessions } from './testing/sessions.ts';

describe('the id of a session', () => {
  it('says its 128 bits in 22 characters, and nothing else does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const id = sessionIdOf(bytes);
        expect(isSessionId(id)).toBe(true);
        expect(new Uint8Array(Buffer.from(id, 'base64url'))).toEqual(bytes);
      }),
    );
  });

  it.each(['', 'a', 'A'.repeat(21), 'A'.repeat(23), `${'A'.repeat(21)}B`, `${'A'.repeat(21)}=`, `${'A'.repeat(20)}.A`])(
    'is not %j',
    (text) => {
      expect(isSessionId(text)).toBe(false);
    },
  );

  it('does not come twice', () => {
    const ids = Array.from({ length: 1000 }, () => sessionIdOf(randomBytes(16)));
    expect(new Set(ids).size).toBe(1000);
  });
});

describe('a session', () => {
  it('survives the way through its own text', () => {
    fc.assert(
      fc.property(sessions, (session) => {
        const text = formatSession(session);
        expect(parseSession(text)).toEqual(session);
        expect(formatSession(parseSession(text))).toBe(text);
      }),
    );
  });

  it('may leave out everything but its version, and what is not known is left out', () => {
    expect(checkSession({ version: 1 })).toEqual({ races: new Map() });
    const more = {
      version: 1,
      other: [],
      races: { demo: { other: 1, choice: { value: { watch: [], o: 1 }, atMs: 0 } } },
    };
    expect(formatSession(checkSession(more))).toBe(
      '{"version":1,"races":{"demo":{"choice":{"value":{"watch":[]},"atMs":0}}}}',
    );
  });

  const edit = (value: unknown, atMs: unknown = 1) => ({ value, atMs });
  const race = (memory: unknown) => ({ races: { demo: memory } });
  const choice = (value: unknown) => race({ choice: edit(value) });
  const many = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);

  it.each([
    ['favourites', { favourites: edit(many(MAX_SESSION_CARS)) }],
    ['tvDelayMs', { tvDelayMs: edit(MAX_TV_DELAY_MS, MAX_STAMP_MS) }],
    ['races', { races: Object.fromEntries(many(MAX_SESSION_RACES).map((name) => [name, {}])) }],
    ['own', choice({ watch: [{ car: '24', view: 'own' }], channels: ['speed'] })],
  ])('may go to the limit in %s', (_, fields) => {
    const value = JSON.parse(JSON.stringify({ version: 1, ...fields }));
    expect(JSON.parse(formatSession(checkSession(value)))).toEqual({ races: {}, ...value });
  });

  it.each([
    ['no version', {}],
    ['another version', { version: 2 }],
    ['favourites without a stamp', { version: 1, favourites: ['24'] }],
    ['a stamp that is none', { version: 1, favourites: edit([], 1.5) }],
    ['a stamp before 1970', { version: 1, favourites: edit([], -1) }],
    ['a stamp beyond the last', { version: 1, favourites: edit([], MAX_STAMP_MS + 1) }],
    ['too many favourites', { version: 1, favourites: edit(many(MAX_SESSION_CARS + 1)) }],
    ['a favourite twice', { version: 1, favourites: edit(['24', '24']) }],
    ['a favourite that is no car', { version: 1, favourites: edit(['a car with a name']) }],
    ['a favourite that is no text', { version: 1, favourites: edit([24]) }],
    ['a delay that is too long', { version: 1, tvDelayMs: edit(MAX_TV_DELAY_MS + 1) }],
    ['a delay into the future', { version: 1, tvDelayMs: edit(-1) }],
    ['a list of races', { version: 1, races: [] }],
    [
      'too many races',
      { version: 1, races: Object.fromEntries(many(MAX_SESSION_RACES + 1).map((name) => [name, {}])) },
    ],
    ['a race that cannot be', { version: 1, races: { 'a b': {} } }],
    ['a memory that is none', { version: 1, ...race(null) }],
    ['a choice without a list', { version: 1, ...choice({}) }],
    ['a car that cannot be', { version: 1, ...choice({ watch: [{ car: 'a b', view: 'full' }] }) }],
    ['a view that cannot be', { version: 1, ...choice({ watch: [{ car: '1', view: 'Full' }] }) }],
    ['a car without a view', { version: 1, ...choice({ watch: [{ car: '1' }] }) }],
    [
      'a car twice',
      {
        version: 1,
        ...choice({
          watch: [
            { car: '1', view: 'a' },
            { car: '1', view: 'b' },
          ],
        }),
      },
    ],
    ['own without channels', { version: 1, ...choice({ watch: [{ car: '1', view: 'own' }] }) }],
    ['a channel that cannot be', { version: 1, ...choice({ watch: [], channels: ['A'] }) }],
    ['a channel twice', { version: 1, ...choice({ watch: [], channels: ['a', 'a'] }) }],
    ['a position that is none', { version: 1, ...race({ position: edit('0:1') }) }],
  ])('is refused with %s', (_, value) => {
    expect(codeOf(() => checkSession(value))).toBe('bad_session');
  });

  it('is refused when it is too large, whatever it says', () => {
    const text = '{"version":1}'.padEnd(MAX_SESSION_BYTES, ' ');
    expect(parseSession(text)).toEqual({ races: new Map() });
    expect(codeOf(() => parseSession(`${text} `))).toBe('bad_session');
  });

  it('is read from any text, or the text is refused with a ProtocolError', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void attempt(() => parseSession(text))));
    fc.assert(
      fc.property(fc.object({ key: fc.constantFrom('version', 'favourites', 'races', 'value', 'atMs') }), (value) => {
        attempt(() => checkSession({ version: 1, ...value }));
      }),
    );
    const deep = `${'{"races":'.repeat(1000)}1${'}'.repeat(1000)}`;
    expect(codeOf(() => parseSession(deep))).toBe('bad_session');
  });
});
