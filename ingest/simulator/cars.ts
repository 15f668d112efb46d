/** What a car is doing. */
export const MODE = {
  /** On the racing surface: racing, behind the pace car or cooling down. */
  track: 0,
  /** Committed to the pits: apron, pit road, up to its stall. */
  pitIn: 1,
  stall: 2,
  pitOut: 3,
  /** Out of control, until it stands and is rolling again. */
  spin: 4,
  /** Parked for good: retired or finished. */
  parked: 5,
} as const;

/** Lanes: three on the banking from the inside out, then the apron with the pit road, then the stalls. */
export const LANE = { bottom: 0, middle: 1, top: 2, apron: 3, stall: 4 } as const;

export const CAR_LENGTH_M = 4.95;
export const TANK_L = 80;
export const FUEL_KG_PER_L = 0.745;
/** Mass with driver, without fuel, kg. */
export const CAR_MASS_KG = 1560;

/** Number of stored points of a lap for the comparison with the best lap. */
export const LAP_POINTS = 128;

/**
 * The state of all cars as one array per quantity, so that a step allocates nothing.
 *
 * Corners of a car are left front, right front, left rear, right rear at 4 × car + corner; tire bands are left,
 * middle, right at 12 × car + 3 × corner + band.
 */
export type Cars = ReturnType<typeof createCars>;

/** @param count Number of cars. */
export function createCars(count: number) {
  const f = (per = 1) => new Float64Array(count * per);
  const i = () => new Int16Array(count);
  return {
    count,
    // Motion. Distances in m along the measured line, speeds in m/s; `prev…` is the state one step earlier.
    dist: f(),
    prevDist: f(),
    /** Place on the lap, m. */
    s: f(),
    v: f(),
    prevV: f(),
    accel: f(),
    /** Offset from the inner edge of the racing surface, m, outward positive. */
    offset: f(),
    prevOffset: f(),
    offsetVel: f(),
    lane: i(),
    laneTo: i(),
    /** Angle of the body against its course, degrees, left positive. */
    slipDeg: f(),
    prevSlipDeg: f(),
    yawRateDeg: f(),
    /** Remaining jolt of a contact, m/s². */
    jolt: f(),
    // Controls: 0–1, steering in degrees of the wheel, left positive.
    throttle: f(),
    brake: f(),
    clutch: f(),
    steerDeg: f(),
    gear: i(),
    rpm: f(),
    /** Slow wander of hands and feet, about ±1. */
    wander: f(),
    sway: f(),
    // Traffic.
    ahead: i(),
    aheadGap: f(),
    behind: i(),
    behindGap: f(),
    beside: i(),
    /** To the next car ahead in any lane, m. */
    packGap: f(),
    draft: f(),
    push: f(),
    impatience: f(),
    laneSinceS: f(),
    /** Share of the available grip in use, 0–1+. */
    gripUse: f(),
    // Nature of car and driver.
    power: f(),
    drag: f(),
    aggression: f(),
    closeness: f(),
    fuelMarginL: f(),
    stallZ: f(),
    // Race.
    mode: i(),
    slot: i(),
    /** May pass the pace car to get a lap back. */
    waved: i(),
    /** Laps completed; −1 before the first crossing of the line. */
    lap: i(),
    fuelAtLineL: f(),
    /** Sort key of the race order: distance, with those who have finished kept in their order. */
    rank: f(),
    lapStartS: f(),
    lapLastS: f(),
    lapBestS: f(),
    lapBest: i(),
    lapTimes: f(LAP_POINTS),
    bestTimes: f(LAP_POINTS),
    lapPoint: i(),
    incidents: i(),
    /** Order of finishing from 1, 0 while racing. */
    finished: i(),
    retired: i(),
    /** Race time at which a parked car switches its transmitter off, s. */
    silentAtS: f(),
    reactAtS: f(),
    /** Lifting to let a neighbour in until then, s. */
    yieldUntilS: f(),
    // Pits.
    wantsPit: i(),
    stops: i(),
    lapOfStop: i(),
    stopStartS: f(),
    stopEndS: f(),
    stopLengthS: f(),
    tiresPlanned: i(),
    fuelTargetL: f(),
    repairS: f(),
    setsUsed: i(),
    // Misfortune.
    spinUntilS: f(),
    spinRate: f(),
    spinOffset: f(),
    engineFailAtS: f(),
    engineHealth: f(),
    damage: f(),
    // Slow physics.
    fuelL: f(),
    burnLPerS: f(),
    /** Litres for the last full lap under green. */
    burnLPerLap: f(),
    waterC: f(),
    waterL: f(),
    oilC: f(),
    oilL: f(),
    oilBar: f(),
    brakeC: f(4),
    surfaceC: f(12),
    carcassC: f(12),
    /** Tread left, 0–1. */
    tread: f(12),
    coldKpa: f(4),
    pressKpa: f(4),
    odometerM: f(4),
    tiresUsed: new Int16Array(count * 4),
  };
}
