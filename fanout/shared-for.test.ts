import { expect, it } from 'vitest';
import { sharedFor } from './shared-for.ts';

it('is made once for all who ask within the time, and anew after it', async () => {
  let nowMs = 0;
  let made = 0;
  const ask = sharedFor(
    100,
    async () => ++made,
    () => nowMs,
  );
  expect(await Promise.all([ask(), ask()])).toEqual([1, 1]);
  nowMs = 99;
  expect(await ask()).toBe(1);
  nowMs = 100;
  expect(await ask()).toBe(2);
});

it('is made anew at once after a failure, which all get who asked', async () => {
  let made = 0;
  const ask = sharedFor(
    100,
    async () => {
      if (++made === 1) throw new Error('no');
      return made;
    },
    () => 0,
  );
  const answers = await Promise.allSettled([ask(), ask()]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await ask()).toBe(2);
});
