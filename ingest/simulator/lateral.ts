import { CAR_LENGTH_M, LANE, MODE } from './cars.ts';
import { apronOffset, PIT, zoneOf } from './track.ts';
import { STEP_S, type World } from './world.ts';

export const LANE_CENTRE_M = [2.4, 5.8, 9.2];

/** Steering from the bend, the slip of the tires and busy hands; body angle from grip use. */
export function steer(w: World, i: number, curvature: number, side: number): void {
  const { cars } = w;
  const v = cars.v[i]!;
  const turn = curvature * 2.8 * 57.3;
  const lateral = v > 5 ? Math.atan2(cars.offsetVel[i]!, v) * 57.3 : 0;
  const busy = (0.35 + 0.9 * Math.min(1.2, cars.gripUse[i]!) * (1 + 2 * cars.draft[i]!)) * cars.wander[i]!;
  const goal = 12 * (turn + 0.021 * side) - 4 * lateral + busy * (v > 15 ? 1 : 0.2);
  cars.steerDeg[i]! += (goal - cars.steerDeg[i]!) * 0.12;
  const slip = side > 0 ? 0.06 * side + 1.4 * Math.max(0, cars.gripUse[i]! - 0.75) : 0.05 * side;
  cars.slipDeg[i]! += (slip + 0.12 * cars.wander[i]! * Math.min(1, v / 40) - cars.slipDeg[i]!) * 0.1;
}

/** Moves a car sideways to its lane by a step, with the wander of a hand on the wheel. */
export function moveSideways(w: World, i: number): void {
  const { cars, track } = w;
  const z = zoneOf(track, cars.s[i]!);
  const to = cars.laneTo[i]!;
  let goal = to === LANE.apron ? apronOffset(z) : to === LANE.stall ? PIT.stallM : LANE_CENTRE_M[to]!;
  if (cars.mode[i] === MODE.spin || cars.mode[i] === MODE.parked) goal = cars.spinOffset[i]!;
  else if (to <= LANE.top) goal += (cars.aheadGap[i]! > 50 ? 0.45 : 0.22) * cars.sway[i]!;
  const v = cars.v[i]!;
  const most = Math.min(2.6, v * 0.2);
  const wanted = Math.max(-most, Math.min(most, 1.5 * (goal - cars.offset[i]!)));
  cars.offsetVel[i]! += (wanted - cars.offsetVel[i]!) * 0.07;
  // The apron swings in towards pit road faster than lanes change; follow it exactly once there.
  if (to === LANE.apron && cars.lane[i] === LANE.apron && v > 8) {
    cars.offsetVel[i] = Math.max(-4, Math.min(4, (goal - cars.offset[i]!) * 3));
  }
  if (v < 0.3) cars.offsetVel[i] = 0;
  cars.offset[i]! += cars.offsetVel[i]! * STEP_S;
  if (cars.lane[i] !== to && Math.abs(cars.offset[i]! - goal) < 0.7) cars.lane[i] = to;
}

/** Cars in one lane cannot be in one place: whoever is too close is put back and slowed, which is a bump. */
export function resolveContact(w: World, i: number): void {
  const { cars } = w;
  const ahead = cars.ahead[i]!;
  if (ahead < 0 || cars.aheadGap[i]! > 0.4) return;
  const overlap = 0.15 - cars.aheadGap[i]!;
  if (overlap <= 0) return;
  const closing = cars.v[i]! - cars.v[ahead]!;
  if (closing > 0) {
    cars.v[i]! -= closing * 0.7;
    cars.v[ahead]! += closing * 0.3;
    cars.jolt[i]! -= closing * 9;
    cars.jolt[ahead]! += closing * 9;
  }
  // Never by more than it has just moved: distance must not run backwards.
  cars.dist[i]! -= Math.min(overlap * 0.2, cars.v[i]! * STEP_S * 0.8, CAR_LENGTH_M);
}
