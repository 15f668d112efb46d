import { describe, expect, it } from 'vitest';
import { EMPTY_FIELD } from '../protocol/field.ts';
import { Ring } from './ring.ts';

const entry = (tick: number, seq: number) => ({
  tick,
  seq,
  closeAtMs: 0,
  field: EMPTY_FIELD,
  message: new Uint8Array(),
  fullSlices: undefined,
  docs: [],
  slices: [],
});

describe('the ring', () => {
  it('holds the newest ticks and lets the oldest go', () => {
    const ring = new Ring(3);
    for (let tick = 7; tick < 12; tick++) ring.push(entry(tick, tick * 10));
    expect([ring.oldest?.tick, ring.head?.tick, ring.size]).toEqual([9, 11, 3]);
    expect(ring.byTick(8)).toBeUndefined();
    expect(ring.byTick(10)?.tick).toBe(10);
    expect(ring.byTick(12)).toBeUndefined();
    expect(ring.after(9).map(({ tick }) => tick)).toEqual([10, 11]);
    expect(ring.after(11)).toEqual([]);
  });

  it('finds the state at the position of any message: the last tick at or before it', () => {
    const ring = new Ring(10);
    for (const [tick, seq] of [
      [1, 10],
      [2, 12],
      [3, 20],
    ] as const)
      ring.push(entry(tick, seq));
    const tickAt = (seq: number) => ring.atSeq(seq)?.tick;
    expect([9, 10, 11, 12, 13, 19, 20, 999].map(tickAt)).toEqual([undefined, 1, 1, 2, 2, 2, 3, 3]);
    expect(new Ring(1).atSeq(5)).toBeUndefined();
  });

  it('has no holes', () => {
    const ring = new Ring(10);
    ring.push(entry(1, 1));
    expect(() => ring.push(entry(3, 2))).toThrow(RangeError);
  });
});
