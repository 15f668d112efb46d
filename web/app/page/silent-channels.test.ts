import { describe, expect, it } from 'vitest';
import type { CarView } from '../../client/mod.ts';
import { SilentChannels } from './silent-channels.ts';

const seen = (car: string, closeAtMs: number, values: Record<string, number | null>) =>
  ({ car, closeAtMs, channels: () => Object.entries(values).map(([key, value]) => ({ key, value })) }) as CarView;

describe('a channel that gives nothing any more', () => {
  it('is silent since the tick in which it was missing first, until it gives something again', () => {
    const silent = new SilentChannels();
    silent.see(seen('24', 1000, { rpm: 8000, oil: null }));
    expect(silent.since('rpm')).toBeUndefined();
    silent.see(seen('24', 1500, { rpm: null, oil: null }));
    silent.see(seen('24', 2000, { rpm: null, oil: null }));
    silent.see(undefined);
    expect(silent.since('rpm')).toBe(1500);
    // It never gave anything: the car does not have it.
    expect(silent.since('oil')).toBeUndefined();
    silent.see(seen('24', 2500, { rpm: 0 }));
    expect(silent.since('rpm')).toBeUndefined();
  });

  it.each([
    ['of another car', seen('9', 2000, { rpm: null })],
    ['of a time before', seen('24', 500, { rpm: null })],
  ])('is nothing that is known %s', (_, next) => {
    const silent = new SilentChannels();
    silent.see(seen('24', 1000, { rpm: 8000 }));
    silent.see(seen('24', 1500, { rpm: null }));
    silent.see(next);
    expect(silent.since('rpm')).toBeUndefined();
  });
});
