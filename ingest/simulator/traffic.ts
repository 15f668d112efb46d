import { CAR_LENGTH_M, type Cars, LANE, MODE } from './cars.ts';
import type { World } from './world.ts';

/** Beyond this distance, m, a car ahead neither tows nor holds up. */
const SIGHT_M = 160;

/** Lanes a car takes up as bits; a car changing lanes takes both, one that is off the road none. */
export function laneMask(cars: Cars, i: number): number {
  const mode = cars.mode[i];
  if (mode === MODE.spin || mode === MODE.parked || mode === MODE.stall) return 0;
  const to = cars.laneTo[i]!;
  return to === LANE.stall || cars.lane[i] === LANE.stall ? 1 << to : (1 << to) | (1 << cars.lane[i]!);
}

/** Sorts almost sorted car numbers by `key`, ascending or descending (`sign` −1). */
export function sortCars(order: Int16Array, key: Float64Array, sign: 1 | -1): void {
  for (let p = 1; p < order.length; p++) {
    const car = order[p]!;
    const value = key[car]! * sign;
    let q = p - 1;
    while (q >= 0 && key[order[q]!]! * sign > value) {
      order[q + 1] = order[q]!;
      q--;
    }
    order[q + 1] = car;
  }
}

/** Distance on the track from car `i` forward to car `j`, m, 0 ≤ d < one lap. */
export function distanceTo(w: World, i: number, j: number): number {
  const d = w.cars.s[j]! - w.cars.s[i]!;
  return d < 0 ? d + w.track.lengthM : d;
}

/** For each car: who is ahead and behind in its lane and how far, how many run beside it, and the air it gets. */
export function findNeighbours(w: World): void {
  const { cars, onTrack } = w;
  sortCars(onTrack, cars.s, 1);
  cars.aheadGap.fill(Infinity);
  cars.behindGap.fill(Infinity);
  cars.packGap.fill(Infinity);
  cars.ahead.fill(-1);
  cars.behind.fill(-1);
  cars.beside.fill(0);
  for (let p = 0; p < onTrack.length; p++) {
    const i = onTrack[p]!;
    const mask = laneMask(cars, i);
    if (mask === 0) continue;
    for (let q = 1; q < onTrack.length; q++) {
      const j = onTrack[(p + q) % onTrack.length]!;
      const gap = distanceTo(w, i, j) - CAR_LENGTH_M;
      if (gap > SIGHT_M) break;
      const other = laneMask(cars, j);
      if (gap > 2 && gap < cars.packGap[i]! && other !== 0) cars.packGap[i] = gap;
      if ((mask & other) !== 0) {
        cars.ahead[i] = j;
        cars.aheadGap[i] = gap;
        if (gap < cars.behindGap[j]!) {
          cars.behindGap[j] = gap;
          cars.behind[j] = i;
        }
        break;
      }
      if (gap < 0 && (((mask << 1) | (mask >> 1)) & other) !== 0) {
        cars.beside[i]!++;
        cars.beside[j]!++;
      }
    }
  }
  shapeAir(cars);
}

/** Drag saved behind a car and, less, in front of one; a long train pushes its leader more than a single car does. */
function shapeAir(cars: Cars): void {
  for (let i = 0; i < cars.count; i++) {
    const gap = Math.max(0, cars.aheadGap[i]!);
    // The wake of a pack reaches far and across lanes: stragglers close up as long as they see it.
    const own = gap < SIGHT_M ? 0.22 * Math.exp(-gap / 14) + 0.045 * Math.exp(-gap / 70) : 0;
    const tow = Math.max(own, 0.075 * Math.exp(-cars.packGap[i]! / 45));
    // Air settles over some tenths of a second; without that the numbers jump at each lane change.
    cars.draft[i]! += (tow - cars.draft[i]!) * 0.06;
    const behind = cars.behind[i]!;
    const rear = Math.max(0, cars.behindGap[i]!);
    const shove = behind >= 0 && rear < 25 ? Math.exp(-rear / 7) * (1 + 0.62 * cars.push[behind]!) : 0;
    cars.push[i]! += (shove - cars.push[i]!) * 0.06;
  }
}

/**
 * Car `i` points down to the pits and wants into the next lane: whoever there is just behind lifts and lets it in, and
 * it lifts a little itself, so that a pack opens up like a zip.
 */
export function askForRoom(w: World, i: number, lane: number): void {
  const { cars, onTrack } = w;
  const at = onTrack.indexOf(i);
  const n = onTrack.length;
  cars.yieldUntilS[i] = w.timeS + 0.12;
  for (let q = 1; q < n; q++) {
    const j = onTrack[(at - q + n) % n]!;
    const gap = distanceTo(w, j, i);
    if (gap > 14) return;
    if ((laneMask(cars, j) & (1 << lane)) === 0) continue;
    cars.yieldUntilS[j] = w.timeS + 0.5;
    return;
  }
}

/** What car `i` would meet in a lane; one object, reused. */
const view = { aheadGap: 0, aheadV: 0, behindGap: 0, behindV: 0, followers: 0 };

/** Looks along a lane from car `i`. The result is valid until the next call. */
export function lookAlong(w: World, i: number, lane: number): typeof view {
  const { cars, onTrack } = w;
  const bit = 1 << lane;
  const at = onTrack.indexOf(i);
  const n = onTrack.length;
  view.aheadGap = view.behindGap = Infinity;
  view.aheadV = view.behindV = cars.v[i]!;
  view.followers = 0;
  for (let q = 1; q < n; q++) {
    const j = onTrack[(at + q) % n]!;
    const gap = distanceTo(w, i, j) - CAR_LENGTH_M;
    if (gap > SIGHT_M) break;
    if ((laneMask(cars, j) & bit) === 0) continue;
    view.aheadGap = gap;
    view.aheadV = cars.v[j]!;
    break;
  }
  for (let q = 1; q < n; q++) {
    const j = onTrack[(at - q + n) % n]!;
    const gap = distanceTo(w, j, i) - CAR_LENGTH_M;
    if (gap > 60) break;
    if ((laneMask(cars, j) & bit) === 0) continue;
    if (view.behindGap === Infinity) {
      view.behindGap = gap;
      view.behindV = cars.v[j]!;
    }
    if (gap < 30) view.followers++;
  }
  return view;
}

/** Whether car `i` fits beside into what {@link lookAlong} saw, at the speeds of both neighbours. */
export function isClear(w: World, i: number, seen: typeof view, spareM: number): boolean {
  const v = w.cars.v[i]!;
  return (
    seen.aheadGap > spareM + Math.max(0, v - seen.aheadV) * 1.4 &&
    seen.behindGap > spareM + Math.max(0, seen.behindV - v) * 1.6
  );
}

/**
 * A driver looks for a better lane: a faster one with somebody to draft and somebody to push. Held-up drivers grow
 * impatient and settle for less. Called for each car four times a second under green.
 */
export function chooseLane(w: World, i: number): void {
  const { cars, random } = w;
  const lane = cars.lane[i]!;
  if (lane !== cars.laneTo[i] || lane > LANE.top || cars.mode[i] !== MODE.track) return;
  const isHeldUp = cars.aheadGap[i]! < 7 && cars.throttle[i]! < 0.93;
  cars.impatience[i] = Math.max(0, cars.impatience[i]! + (isHeldUp ? 0.02 + 0.05 * cars.aggression[i]! : -0.03));
  const slowAhead = cars.ahead[i]! >= 0 ? cars.v[i]! - cars.v[cars.ahead[i]!]! : 0;
  // A train closing on a slow car cannot wait for its mood.
  const isUrgent = slowAhead > 2.5 && cars.aheadGap[i]! < slowAhead * 5;
  if (!isUrgent && w.timeS - cars.laneSinceS[i]! < 6) return;
  const stay = rateLane(w, i, lane, true);
  let best = -1;
  let bestRating = stay + 1.5 - 0.9 * cars.impatience[i]! - 0.5 * cars.aggression[i]! - (isUrgent ? 1 : 0);
  for (let to = Math.max(0, lane - 1); to <= Math.min(LANE.top, lane + 1); to++) {
    if (to === lane) continue;
    const rating = rateLane(w, i, to, false) + 0.4 * random.gauss();
    if (rating > bestRating && isClear(w, i, lookAlong(w, i, to), 1.2)) {
      best = to;
      bestRating = rating;
    }
  }
  if (best < 0) return;
  cars.laneTo[i] = best;
  cars.laneSinceS[i] = w.timeS;
  cars.impatience[i] = 0;
}

const LANE_TASTE = [0.55, 0.3, -0.5];

/** Speed a lane promises, m/s against the own speed, with the help to be had there. */
function rateLane(w: World, i: number, lane: number, isOwn: boolean): number {
  const { cars } = w;
  const seen = lookAlong(w, i, lane);
  const hasTow = seen.aheadGap < 30;
  const pace = seen.aheadGap < 90 ? seen.aheadV - cars.v[i]! + seen.aheadGap * 0.03 : 2.7;
  const help = (seen.aheadGap < 12 ? 1.5 : hasTow ? 0.8 : 0) + 0.35 * Math.min(3, seen.followers);
  // A leader sees the other line come and moves up in front of it.
  const isBlock = !isOwn && cars.aheadGap[i]! > 90 && seen.behindGap < 25 && seen.behindV > cars.v[i]! + 0.6;
  return Math.max(-4, Math.min(3, pace)) + help + LANE_TASTE[lane]! - w.laneDrag[lane]! * 60 + (isBlock ? 1.5 : 0);
}
