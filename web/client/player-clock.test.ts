import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PlayerClock, RaceTime } from './player-clock.ts';

it('runs at its speed from where it was set, stands while paused, and goes on from there', () => {
  const clock = new PlayerClock();
  clock.set(10_000, 0);
  expect([clock.time(0), clock.time(500), clock.waitMs(11_000, 500)]).toEqual([10_000, 10_500, 500]);
  clock.setSpeed(4, 500);
  expect([clock.time(1000), clock.waitMs(14_500, 1000), clock.waitMs(12_000, 1000)]).toEqual([12_500, 500, 0]);
  clock.pause(1000);
  expect([clock.time(9000), clock.waitMs(12_501, 9000), clock.waitMs(12_500, 9000)]).toEqual([12_500, Infinity, 0]);
  clock.play(9000);
  expect(clock.time(9100)).toBe(12_900);
  // A wall that was set back takes nothing back.
  expect(clock.time(8000)).toBe(12_500);
});

it('never goes back, and never jumps, by a change of speed, a pause or its end', () => {
  const act = fc.oneof(fc.constantFrom('pause', 'play'), fc.constantFrom(0.25, 1, 7, 60));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5000), act)), (acts) => {
      const clock = new PlayerClock();
      let wall = 0;
      for (const [ms, one] of acts) {
        const before = clock.time(wall);
        wall += ms;
        const moved = clock.isPaused ? 0 : ms * clock.speed;
        const now = clock.time(wall);
        expect(now - before).toBeCloseTo(moved, 3);
        if (one === 'pause') clock.pause(wall);
        else if (one === 'play') clock.play(wall);
        else clock.setSpeed(one as number, wall);
        expect(clock.time(wall)).toBeCloseTo(now, 3);
      }
    }),
  );
});

it('takes the time of the race from the ticks that came soonest, and follows a clock that drifts', () => {
  const time = new RaceTime();
  expect(time.at(0)).toBeUndefined();
  time.heard(1000, 1100);
  time.heard(1500, 1510);
  time.heard(2000, 9000);
  expect(time.at(2000)).toBe(1989);
  for (let tick = 0; tick < 600; tick++) time.heard(2500 + tick * 500, 3000 + tick * 500);
  expect(time.at(0)).toBe(-500);
  time.forget();
  expect(time.at(0)).toBeUndefined();
});
