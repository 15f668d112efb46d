import { CAR_MASS_KG, FUEL_KG_PER_L, MODE } from './cars.ts';
import { groundUnder } from './grip.ts';
import type { World } from './world.ts';

/** Share of cornering work per corner: left turns only, so the right side suffers. */
const LATERAL_SHARE = [0.46, 1, 0.41, 0.88];
const WEAR_SHARE = [0.42, 1, 0.38, 0.86];
/** Heat over the width of the tread, left to right: camber leans every tire to its own side. */
const BAND_HEAT = [1.05, 1, 0.95, 1.05, 1, 0.93, 1.03, 1, 0.96, 1.03, 1, 0.95];
const BRAKE_SHARE = [0.31, 0.31, 0.19, 0.19];
/** Cold pressures, kPa: low left, high right, for the stagger and the load of a banked oval. */
export const COLD_KPA = [193, 345, 193, 331];
const ATMOSPHERE_KPA = 101.3;

/** Tires, brakes and engine heat of one car over `dtS`; slow things, ten times a second is plenty. */
export function wearCar(w: World, i: number, dtS: number): void {
  const { cars, weather } = w;
  const v = cars.v[i]!;
  const { curvature, bankRad } = groundUnder(w, cars.s[i]!, cars.offset[i]!);
  const side = Math.abs(v * v * curvature * Math.cos(bankRad) - 9.81 * Math.sin(bankRad)) * (v > 5 ? 1 : 0);
  const isSliding = cars.mode[i] === MODE.spin && v > 5;
  const work = isSliding ? 25 : side * (0.5 + 0.75 * cars.gripUse[i]!);
  for (let corner = 0; corner < 4; corner++) {
    heatTire(w, i, corner, v, work * LATERAL_SHARE[corner]!, dtS);
    const tire = 4 * i + corner;
    cars.odometerM[tire]! += v * dtS;
    const carcassK = cars.carcassC[12 * i + 3 * corner + 1]! + 273;
    cars.pressKpa[tire] = ((cars.coldKpa[tire]! + ATMOSPHERE_KPA) * carcassK) / (weather.airC + 273) - ATMOSPHERE_KPA;
    heatBrake(w, i, corner, v, dtS);
  }
  heatEngine(w, i, v, dtS);
  wander(w, i, dtS);
}

function heatTire(w: World, i: number, corner: number, v: number, work: number, dtS: number): void {
  const { cars, weather } = w;
  const heat = 0.0105 * v + 0.00215 * work * v + cars.brake[i]! * v * 0.03;
  const wear = ((4.1e-7 * work * v * WEAR_SHARE[corner]!) / LATERAL_SHARE[corner]!) * dtS;
  for (let band = 0; band < 3; band++) {
    const at = 12 * i + 3 * corner + band;
    const surface = cars.surfaceC[at]!;
    const carcass = cars.carcassC[at]!;
    const gain = heat * BAND_HEAT[3 * corner + band]!;
    const toAir = (surface - weather.airC) * (0.004 + 0.00028 * v);
    cars.surfaceC[at] = surface + (gain - toAir - 0.1 * (surface - carcass)) * dtS;
    cars.carcassC[at] = carcass + (0.024 * (surface - carcass) - 0.0022 * (carcass - weather.airC)) * dtS;
    cars.tread[at] = Math.max(0, cars.tread[at]! - wear * BAND_HEAT[3 * corner + band]!);
  }
}

function heatBrake(w: World, i: number, corner: number, v: number, dtS: number): void {
  const { cars, weather } = w;
  const at = 4 * i + corner;
  const watts = cars.brake[i]! * 11 * (CAR_MASS_KG + cars.fuelL[i]! * FUEL_KG_PER_L) * v * BRAKE_SHARE[corner]!;
  // Pads that drag a little keep the discs warm at speed.
  const loss = (cars.brakeC[at]! - weather.airC - 12 - 0.7 * v * (1.2 - BRAKE_SHARE[corner]!)) * (0.003 + 0.00035 * v);
  cars.brakeC[at]! += (watts / 5200 - loss) * dtS;
}

function heatEngine(w: World, i: number, v: number, dtS: number): void {
  const { cars, weather } = w;
  const isOff = cars.mode[i] === MODE.parked;
  const sick = 1 - cars.engineHealth[i]!;
  // Tucked in behind another car the radiator gets little air; standing still none.
  const starved = 42 * cars.draft[i]! + (v < 8 ? 6 : 0);
  const water = isOff ? weather.airC : weather.airC + 56 + 15 * cars.throttle[i]! + starved + 45 * sick;
  cars.waterC[i]! += (water - cars.waterC[i]!) * (isOff ? 0.0012 : 0.03) * dtS;
  const oil = isOff ? weather.airC : cars.waterC[i]! + 11 + (9 * cars.rpm[i]!) / 8300 + 20 * sick;
  cars.oilC[i]! += (oil - cars.oilC[i]!) * (isOff ? 0.001 : 0.016) * dtS;
  cars.oilL[i] = Math.max(5, cars.oilL[i]! - (isOff ? 0 : 1.1e-5 + 0.03 * sick) * dtS);
  cars.waterL[i] = Math.max(9, cars.waterL[i]! - (cars.waterC[i]! > 118 ? 0.004 : 2e-7) * dtS);
}

/** Hands, feet and line of a driver drift: two slow bounded random walks per car. */
function wander(w: World, i: number, dtS: number): void {
  const { cars, random } = w;
  cars.wander[i]! += -cars.wander[i]! * 1.6 * dtS + random.gauss() * 1.7 * Math.sqrt(dtS);
  cars.sway[i]! += -cars.sway[i]! * 0.25 * dtS + random.gauss() * 0.6 * Math.sqrt(dtS);
  cars.wander[i] = Math.max(-2.2, Math.min(2.2, cars.wander[i]!));
  cars.sway[i] = Math.max(-1.5, Math.min(1.5, cars.sway[i]!));
}
