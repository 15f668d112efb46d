import { expect, it } from 'vitest';
import type { ChannelValue } from '../../client/mod.ts';
import { shiftShare } from './shift-light.ts';

const channel = (value: number | null, warnAbove?: number) =>
  ({ value, ...(warnAbove === undefined ? {} : { limits: { warnAbove } }) }) as ChannelValue;

it.each<[string, number | null, ChannelValue | undefined, ChannelValue | undefined]>([
  ['the light of the car counts', 0.5, channel(50), channel(9000, 9000)],
  ['a light that is off is off', 0, channel(0), channel(9000, 9000)],
  ['without a light the engine speed counts', 1, undefined, channel(9000, 9000)],
  ['also where the light is silent', 0, channel(null), channel(7200, 9000)],
  ['half of the way', 0.5, undefined, channel(8100, 9000)],
  ['above the limit it is time', 1, undefined, channel(9600, 9000)],
  ['far below it is not', 0, undefined, channel(900, 9000)],
  ['nobody knows without a limit', null, undefined, channel(9000)],
  ['nor without an engine speed', null, undefined, channel(null, 9000)],
  ['nor without anything', null, undefined, undefined],
])('%s', (_, share, light, rpm) => {
  const is = shiftShare(light, rpm);
  if (share === null) expect(is).toBeNull();
  else expect(is).toBeCloseTo(share, 10);
});
