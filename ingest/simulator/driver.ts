import { LANE, MODE } from './cars.ts';
import { cornerLimit, groundUnder } from './grip.ts';
import { PIT, zoneOf } from './track.ts';
import type { World } from './world.ts';

/** Acceleration that keeps a car behind the one ahead of it in its lane, m/s². */
function followAccel(w: World, i: number): number {
  const { cars } = w;
  const ahead = cars.ahead[i]!;
  if (ahead < 0) return 99;
  const gap = cars.aheadGap[i]!;
  const closing = cars.v[i]! - cars.v[ahead]!;
  // Each driver with a nerve of his own, and all with more respect once the tires have gone off.
  const worn = 1 + 1.6 * (1 - cars.tread[12 * i + 4]!);
  const keep =
    w.control.phase === 'green' && cars.lane[i]! <= LANE.top
      ? Math.max(0.8, cars.closeness[i]! * worn * (1 + 0.3 * cars.sway[i]!))
      : 2.6 + 0.4 * cars.sway[i]!;
  // Drivers look through the windows of the car ahead: they go with it instead of waiting for the gap to open.
  const along = gap < 30 ? 0.85 * cars.accel[ahead]! : 0;
  const held = 0.3 * (gap - keep) - 1.15 * closing + along;
  const needed = closing > 0 ? (closing * closing) / (2 * Math.max(gap - 1, 0.4)) : 0;
  return Math.max(-9, needed > 2.2 ? Math.min(held, -needed) : held);
}

/** Speed wanted at the present place for mode and phase, m/s; `Infinity` for flat out. */
function wantedSpeed(w: World, i: number): number {
  const { cars, control, track } = w;
  const z = zoneOf(track, cars.s[i]!);
  const mode = cars.mode[i];
  // A red flag stops everybody who is not on pit road; else a limping car would gain a lap on the standing field.
  if (control.phase === 'red' && (z < PIT.inZ || z > PIT.outZ)) return 0;
  const limit = PIT.limitMps - 0.25 + 0.12 * cars.wander[i]!;
  if (mode === MODE.pitIn) {
    const approach = cars.damage[i]! > 0.3 ? 38 : w.control.phase === 'green' ? Infinity : 45;
    const toLine = Math.max(0, PIT.inZ - 18 - z);
    const toStall = cars.stallZ[i]! - z;
    // Past its stall, or far before pit road, after a spin: once around on the apron.
    if (toStall < -5) return z < PIT.outZ ? limit : Math.min(approach, 60);
    const stopping = Math.sqrt(2 * 4.2 * Math.max(0, toStall - 0.1));
    return Math.min(approach, Math.sqrt(limit * limit + 2 * 5.2 * toLine), toLine > 0 ? Infinity : stopping);
  }
  if (mode === MODE.pitOut) {
    if (z < PIT.outZ) return limit;
    return control.phase === 'green' ? Infinity : 50;
  }
  if (cars.finished[i]! > 0) return 58;
  if (control.phase === 'green') return Infinity;
  if (control.phase === 'finish') return control.flag === 'checkered' && control.paceV > 0 ? control.paceV : Infinity;
  return paceSpeed(w, i);
}

/** Metres from car `i` forward to its place in the queue; negative when it must fall back. */
export function toSlot(w: World, i: number): number {
  const { control, cars, track } = w;
  const slot = cars.slot[i]!;
  const isDouble = control.phase === 'form' || control.phase === 'pace';
  const back = 22 + (isDouble ? (slot >> 1) * 8.4 : slot * 8);
  const raw = control.paceDist - back - cars.dist[i]!;
  // Ahead of the pace car, which happens to a leader after a quick stop: wait for it.
  if (raw < 0) return raw;
  const wrapped = raw - Math.floor(raw / track.lengthM) * track.lengthM;
  // Waved around: past the pace car and once around, to get a lost lap back.
  if (cars.waved[i] === 1 && raw > track.lengthM) return wrapped + track.lengthM;
  // Far ahead of its place a car drives all the way round, which is how lapped cars get their lap back.
  return wrapped > track.lengthM - 380 ? wrapped - track.lengthM : wrapped;
}

function paceSpeed(w: World, i: number): number {
  if (w.control.phase === 'red') return 0;
  const rel = toSlot(w, i);
  return Math.max(12, Math.min(rel > 300 ? 68 : 56, w.control.paceV + 0.22 * rel));
}

/**
 * Acceleration the driver asks for, m/s²: the least of what traffic, speed limits, the bend ahead and the marks on pit
 * road allow; far more than the engine has when the road is free.
 */
export function wishedAccel(w: World, i: number, grip: number, density: number, massKg: number): number {
  const { cars } = w;
  const v = cars.v[i]!;
  let want = followAccel(w, i);
  const target = wantedSpeed(w, i);
  if (target < 120) {
    const isPitting = cars.mode[i] === MODE.pitIn;
    // Stopping on a mark takes a firm foot; slowing with others around a gentle one.
    const hardest = isPitting ? 7.5 : cars.finished[i]! > 0 ? 1.5 : 4.5;
    want = Math.min(want, Math.max(-hardest, Math.min(4, (isPitting ? 3 : 1.1) * (target - v))));
  }
  const ahead = cars.s[i]! + v * 0.45;
  const next = groundUnder(w, ahead >= w.track.lengthM ? ahead - w.track.lengthM : ahead, cars.offset[i]!);
  if (next.curvature > 2e-4) {
    const limit = cornerLimit(next.curvature, next.bankRad, grip * (0.965 + 0.012 * cars.wander[i]!), density, massKg);
    want = Math.min(want, Math.max(-5, 0.9 * (limit - v)));
  }
  if (cars.laneTo[i] === LANE.stall) {
    // Once the brakes are on for the mark, exactly as hard as it takes to stop on it.
    const need = (v * v) / (2 * Math.max(0.1, cars.stallZ[i]! - zoneOf(w.track, cars.s[i]!)));
    if (need > 3.4) want = Math.min(want, -need);
  }
  if (w.timeS < cars.reactAtS[i]!) want = Math.min(want, 0);
  if (w.timeS < cars.yieldUntilS[i]!) want = Math.min(want, -0.9);
  return want;
}
