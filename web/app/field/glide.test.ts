import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Glide } from './glide.ts';

const at = (x: number, y = 0) => new Map([['24', { x, y }]]);

describe('a car on the map', () => {
  it('reaches the place of a tick when the next one is due, and waits there', () => {
    const glide = new Glide();
    glide.tick(at(0), 1000, true);
    glide.tick(at(40), 1500, false);
    expect([1500, 1750, 2000, 9000].map((ms) => glide.at(ms).get('24')!.x)).toEqual([0, 20, 40, 40]);
    expect([glide.isMoving(1600), glide.isMoving(2000)]).toEqual([true, false]);
  });

  it('is at once where it is after a jump, and when it was put somewhere else', () => {
    const glide = new Glide();
    glide.tick(at(0), 1000, true);
    glide.tick(at(40), 1500, true);
    expect(glide.at(1500).get('24')!.x).toBe(40);
    glide.tick(at(900), 2000, false);
    expect(glide.at(2000).get('24')!.x).toBe(900);
  });

  it('is gone when it has no place any more, and begins where it comes back', () => {
    const glide = new Glide();
    glide.tick(at(0), 1000, true);
    glide.tick(new Map(), 1500, false);
    expect(glide.at(1500).size).toBe(0);
    glide.tick(at(30), 2000, false);
    expect(glide.at(2000).get('24')!.x).toBe(30);
  });

  it('is always between the last two places that are known: nothing is guessed', () => {
    const steps = fc.array(
      fc.record({
        dx: fc.integer({ min: -100, max: 100 }),
        ms: fc.integer({ min: 1, max: 3000 }),
        isJump: fc.boolean(),
      }),
      { minLength: 2, maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 5000 }), (list, laterMs) => {
        const glide = new Glide();
        let [x, before, nowMs] = [0, 0, 0];
        for (const { dx, ms, isJump } of list) {
          before = x;
          x += dx;
          nowMs += ms;
          glide.tick(at(x), nowMs, isJump);
        }
        const drawn = glide.at(nowMs + laterMs).get('24')!.x;
        expect(drawn).toBeGreaterThanOrEqual(Math.min(before, x));
        expect(drawn).toBeLessThanOrEqual(Math.max(before, x));
        expect(glide.at(nowMs + 5000).get('24')!.x).toBe(x);
      }),
    );
  });
});
