import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ProtocolError } from '../../protocol/errors.ts';
import { readHistory } from './history.ts';

const QUESTION = { car: '24', channels: ['speed', 'rpm'], fromMs: 1000, toMs: 3000, points: 4 };
const ANSWER = {
  race: 'demo',
  epoch: '00000000000000aa',
  car: '24',
  tickMs: 500,
  ticksEach: 1,
  t: [1000, 1500, 1500, 3000],
  channels: { rpm: [1, null, 3, 4], speed: [null, 10.5, 11, 12], more: 'of no interest' },
};
const read = (answer: unknown, question = QUESTION) => readHistory(JSON.stringify(answer), 'demo', question);

it('reads what was asked for, in the order in which it was asked for', () => {
  const { channels, ...rest } = read(ANSWER);
  expect(rest).toEqual({ epoch: ANSWER.epoch, car: '24', tickMs: 500, ticksEach: 1, atMs: ANSWER.t });
  expect([...channels]).toEqual([
    ['speed', ANSWER.channels.speed],
    ['rpm', ANSWER.channels.rpm],
  ]);
});

it('reads a time in which nothing was', () => {
  expect(read({ ...ANSWER, t: [], channels: { speed: [], rpm: [] } }).atMs).toEqual([]);
});

it.each([
  ['no object', null],
  ['a list', []],
  ['another race', { ...ANSWER, race: 'other' }],
  ['another car', { ...ANSWER, car: '9' }],
  ['no epoch', { ...ANSWER, epoch: 'aa' }],
  ['no time between ticks', { ...ANSWER, tickMs: 0 }],
  ['half a tick a row', { ...ANSWER, ticksEach: 0.5 }],
  ['no times', { ...ANSWER, t: undefined }],
  ['more rows than asked for', { ...ANSWER, t: [1000, 1100, 1200, 1300, 1400] }],
  ['times that go back', { ...ANSWER, t: [1000, 2000, 1500, 3000] }],
  ['a time before the first', { ...ANSWER, t: [999, 1500, 2000, 3000] }],
  ['a time after the last', { ...ANSWER, t: [1000, 1500, 2000, 3001] }],
  ['a time that is text', { ...ANSWER, t: [1000, '1500', 2000, 3000] }],
  ['a channel too few', { ...ANSWER, channels: { speed: ANSWER.channels.speed } }],
  ['channels that are a list', { ...ANSWER, channels: [] }],
  ['no channels', { ...ANSWER, channels: null }],
  ['a value too few', { ...ANSWER, channels: { ...ANSWER.channels, rpm: [1, 2, 3] } }],
  ['a value that is text', { ...ANSWER, channels: { ...ANSWER.channels, rpm: [1, 2, '3', 4] } }],
  ['a list of lists', { ...ANSWER, channels: { ...ANSWER.channels, rpm: [1, 2, [3], 4] } }],
])('refuses %s', (_, answer) => {
  expect(() => read(answer)).toThrow(ProtocolError);
});

it('takes nothing that an object has by itself for a channel', () => {
  expect(() => read({ ...ANSWER, t: [] }, { ...QUESTION, channels: ['constructor'] })).toThrow(/channel constructor/);
});

it('refuses what is no JSON, and numbers that JSON cannot hold', () => {
  const huge = JSON.stringify(ANSWER).replace('10.5', '1e999');
  for (const text of ['', '<html>', huge]) expect(() => readHistory(text, 'demo', QUESTION)).toThrow(ProtocolError);
});

it('reads or refuses whatever comes, and fails in no other way', () => {
  const part = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(ANSWER)));
  const answers = fc.record(Object.fromEntries(Object.keys(ANSWER).map((key) => [key, part])));
  fc.assert(
    fc.property(fc.oneof(answers, fc.jsonValue()), (answer) => {
      try {
        const { atMs, channels } = read(answer);
        for (const column of channels.values()) expect(column).toHaveLength(atMs.length);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
  );
});
