import type { ChannelValue } from '../../client/mod.ts';

/** Where the lights begin, as a share of the engine speed at which to shift. */
const BEGIN = 0.8;

/** How far a car is from the moment to shift: 0 far from it, 1 shift now; `null` where nothing tells. */
export function shiftShare(light: ChannelValue | undefined, rpm: ChannelValue | undefined): number | null {
  // The car's own light knows its gears.
  if (typeof light?.value === 'number') return clamp(light.value / 100);
  const shiftAt = rpm?.limits?.warnAbove;
  if (typeof rpm?.value !== 'number' || shiftAt === undefined) return null;
  return clamp((rpm.value / shiftAt - BEGIN) / (1 - BEGIN));
}

const clamp = (share: number): number => Math.min(1, Math.max(0, share));
