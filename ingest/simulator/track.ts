import type { Random } from './random.ts';

/** Offset of the measured line from the inner edge of the racing surface, m; distances are counted along it. */
export const MEASURED_LINE_M = 5.8;

/** Zones in metres from the start/finish line, negative before it; see {@link zoneOf}. */
export const PIT = {
  /** Cars that will pit leave the banking for the apron here, in turn 3. */
  commitZ: -1300,
  /** Start and end of the speed limit. */
  inZ: -430,
  outZ: 330,
  /** Cars coming out stay on the apron until the back straight. */
  mergeZ: 1480,
  firstStallZ: -335,
  lastStallZ: 285,
  /** Offset of the pit road and of the stalls, m (negative: inside the racing surface). */
  roadM: -14,
  stallM: -18,
  apronM: -2.4,
  /** Pit road speed limit, m/s (88 km/h). */
  limitMps: 88 / 3.6,
} as const;

/** A closed lap as tables; entry i stands at i × stepM and the last entry repeats the first. */
export interface Track {
  readonly name: string;
  readonly lengthM: number;
  readonly stepM: number;
  /** m east and north of the origin, on the measured line. */
  readonly eastM: Float64Array;
  readonly northM: Float64Array;
  /** Direction of travel from north, degrees, not wrapped (falls by 360 over a lap: all turns are left). */
  readonly headingDeg: Float64Array;
  /** 1/m, positive to the left. */
  readonly curvature: Float64Array;
  readonly bankRad: Float64Array;
  /** Height of the surface against a smooth one under the left and right wheels, mm, one entry per metre. */
  readonly bumpsLeftMm: Float64Array;
  readonly bumpsRightMm: Float64Array;
  readonly originLat: number;
  readonly originLon: number;
  readonly originAltM: number;
}

const LENGTH_M = 4023.36; // 2.5 miles
const TURN_RADIUS_M = 305;
const TRI_RADIUS_M = 900;
/** Half of the bend of the front straight, at the start/finish line. */
const TRI_HALF_RAD = (13 * Math.PI) / 180;
const TRI_EASE_M = 120;
const TURN_EASE_M = 130;
const FLAT_BANK_DEG = 3;
const START_HEADING_DEG = 68;

/** A stretch whose curvature runs evenly from `from` to `to`, 1/m. */
type Stretch = { lengthM: number; from: number; to: number };

/** Distance gained along the starting direction by stretches entered at `headingRad`. */
function advance(stretches: readonly Stretch[], headingRad: number): number {
  let heading = headingRad;
  let x = 0;
  for (const { lengthM, from, to } of stretches) {
    const steps = Math.max(1, Math.round(lengthM / 0.5));
    const ds = lengthM / steps;
    for (let i = 0; i < steps; i++) {
      const k = from + ((to - from) * (i + 0.5)) / steps;
      x += Math.cos(heading + (k * ds) / 2) * ds;
      heading += k * ds;
    }
  }
  return x;
}

/**
 * Half a lap from the start/finish line to the middle of the back straight; the other half is its mirror image.
 * The lap closes when the half ends straight below its start and has half the length: two linear equations that give
 * the lengths of the two straights.
 */
function layHalfLap(): Stretch[] {
  const tri = 1 / TRI_RADIUS_M;
  const turn = 1 / TURN_RADIUS_M;
  const bend: Stretch[] = [
    { lengthM: TRI_HALF_RAD * TRI_RADIUS_M - TRI_EASE_M / 2, from: tri, to: tri },
    { lengthM: TRI_EASE_M, from: tri, to: 0 },
  ];
  const corner: Stretch[] = [
    { lengthM: TURN_EASE_M, from: 0, to: turn },
    { lengthM: (Math.PI - TRI_HALF_RAD) * TURN_RADIUS_M - TURN_EASE_M, from: turn, to: turn },
    { lengthM: TURN_EASE_M, from: turn, to: 0 },
  ];
  const straights = LENGTH_M / 2 - [...bend, ...corner].reduce((sum, { lengthM }) => sum + lengthM, 0);
  const gained = advance(bend, 0) + advance(corner, TRI_HALF_RAD);
  const front = (straights - gained) / (1 + Math.cos(TRI_HALF_RAD));
  return [...bend, { lengthM: front, from: 0, to: 0 }, ...corner, { lengthM: straights - front, from: 0, to: 0 }];
}

function curvatureAt(half: readonly Stretch[], sM: number): number {
  let left = sM > LENGTH_M / 2 ? LENGTH_M - sM : sM;
  for (const { lengthM, from, to } of half) {
    if (left <= lengthM) return from + ((to - from) * left) / lengthM;
    left -= lengthM;
  }
  return 0;
}

/** Asphalt is rough in the same places for everybody, each lap: smoothed noise, about 2 mm rms. */
function layBumps(random: Random): Float64Array {
  const count = Math.round(LENGTH_M);
  const raw = Float64Array.from({ length: count }, () => random.gauss() * 3.2);
  return raw.map((_, i) => {
    let sum = 0;
    for (let j = -2; j <= 2; j++) sum += raw[(i + j + count) % count]! * (3 - Math.abs(j));
    return sum / 6.2;
  });
}

/** The made-up 2.5-mile tri-oval: 31° turns, 18° tri-oval, all left. */
export function createTrack(random: Random): Track {
  const half = layHalfLap();
  const count = Math.round(LENGTH_M / 2);
  const stepM = LENGTH_M / count;
  const table = () => new Float64Array(count + 1);
  const [eastM, northM, headingDeg, curvature, bankRad] = [table(), table(), table(), table(), table()];
  const fine = 8;
  const ds = stepM / fine;
  let theta = ((90 - START_HEADING_DEG) * Math.PI) / 180;
  let [x, y] = [0, 0];
  for (let i = 0; i <= count; i++) {
    const k = curvatureAt(half, i * stepM);
    eastM[i] = x;
    northM[i] = y;
    headingDeg[i] = 90 - (theta * 180) / Math.PI;
    curvature[i] = k;
    const isTri = i * stepM < 320 || i * stepM > LENGTH_M - 320;
    const bankDeg = FLAT_BANK_DEG + (isTri ? 15 * k * TRI_RADIUS_M : 28 * k * TURN_RADIUS_M);
    bankRad[i] = (bankDeg * Math.PI) / 180;
    for (let j = 0; j < fine; j++) {
      const bend = curvatureAt(half, Math.min(LENGTH_M, i * stepM + (j + 0.5) * ds)) * ds;
      x += Math.cos(theta + bend / 2) * ds;
      y += Math.sin(theta + bend / 2) * ds;
      theta += bend;
    }
  }
  return {
    name: 'Slipstream Superspeedway (simulated)',
    lengthM: LENGTH_M,
    stepM,
    eastM,
    northM,
    headingDeg,
    curvature,
    bankRad,
    bumpsLeftMm: layBumps(random),
    bumpsRightMm: layBumps(random),
    originLat: 28.61,
    originLon: -98.42,
    originAltM: 58,
  };
}

/** Metres from the start/finish line, in (−half a lap, half a lap]. */
export function zoneOf(track: Track, sM: number): number {
  return sM > track.lengthM / 2 ? sM - track.lengthM : sM;
}

/** Value of a table at `sM`, 0 ≤ sM < lengthM. */
export function readTable(track: Track, table: Float64Array, sM: number): number {
  const at = sM / track.stepM;
  const i = at | 0;
  const low = table[i]!;
  return low + ((table[i + 1] ?? low) - low) * (at - i);
}

const ease = (t: number) => (t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t));

/** Offset of the apron and pit road lane at a zone, m from the inner edge of the racing surface. */
export function apronOffset(z: number): number {
  const inside = Math.min(ease((z - (PIT.inZ - 170)) / 140), 1 - ease((z - (PIT.outZ + 10)) / 130));
  return PIT.apronM + (PIT.roadM - PIT.apronM) * inside;
}
