/** How one column of a recording becomes one channel. */
export interface Mapping {
  /** Name of the column; the first that the recording has, where versions of the format differ. */
  readonly from: string | readonly string[];
  /** Unit that the recording must state, where its format states units; with another one the channel stays empty. */
  readonly unit?: string;
  /** Value of the channel = recorded value × scale. @defaultValue 1 */
  readonly scale?: number;
  /** Values beyond, in the channel's unit, are moved to the end: crossing the line is no missing value. */
  readonly clamp?: readonly [low: number, high: number];
  /** Values beyond, in the unit of the channel, are errors of the recording and become "no value". */
  readonly valid?: readonly [low: number, high: number];
}

/** The value of the channel; NaN for whatever is not a number or not valid. */
export function mapValue(mapping: Mapping, recorded: unknown): number {
  const raw = typeof recorded === 'boolean' ? Number(recorded) : recorded;
  if (typeof raw !== 'number') return Number.NaN;
  const value = raw * (mapping.scale ?? 1);
  const { clamp, valid } = mapping;
  if (valid && !(value >= valid[0] && value <= valid[1])) return Number.NaN;
  return clamp ? Math.min(Math.max(value, clamp[0]), clamp[1]) : value;
}

const KPH = 3.6;
const DEGREES = 180 / Math.PI;
const PERCENT = 100;
const MM = 1000;

/** iRacing states shares as `%` and means 0 to 1; the ends are met with the error of float32. */
const ratio = (from: string): Mapping => ({ from, unit: '%', scale: PERCENT, clamp: [0, 100] });
const angle = (from: string, unit = 'rad'): Mapping => ({ from, unit, scale: DEGREES });
const length = (...from: string[]): Mapping => ({ from, unit: 'm', scale: MM });

/** One tire: our prefix is `tire_lf`, iRacing's `LF`. */
const tire = (key: string, name: string): Record<string, Mapping> => ({
  [`tire_${key}_speed`]: { from: `${name}speed`, unit: 'm/s', scale: KPH },
  [`tire_${key}_press`]: { from: `${name}pressure`, unit: 'kPa' },
  [`tire_${key}_press_cold`]: { from: `${name}coldPressure`, unit: 'kPa' },
  [`tire_${key}_odometer`]: { from: `${name}odometer`, unit: 'm' },
  [`tire_${key}_temp_l`]: { from: `${name}tempL`, unit: 'C' },
  [`tire_${key}_temp_m`]: { from: `${name}tempM`, unit: 'C' },
  [`tire_${key}_temp_r`]: { from: `${name}tempR`, unit: 'C' },
  [`tire_${key}_carcass_l`]: { from: `${name}tempCL`, unit: 'C' },
  [`tire_${key}_carcass_m`]: { from: `${name}tempCM`, unit: 'C' },
  [`tire_${key}_carcass_r`]: { from: `${name}tempCR`, unit: 'C' },
  [`tire_${key}_wear_l`]: ratio(`${name}wearL`),
  [`tire_${key}_wear_m`]: ratio(`${name}wearM`),
  [`tire_${key}_wear_r`]: ratio(`${name}wearR`),
  [`tire_${key}_used`]: { from: `${name}TiresUsed` },
  [`shock_${key}_defl`]: length(`${name}SHshockDefl`, `${name}shockDefl`),
  [`shock_${key}_vel`]: { from: [`${name}SHshockVel`, `${name}shockVel`], unit: 'm/s', scale: MM },
  [`ride_${key}`]: length(`${name}rideHeight`),
});

/**
 * The variables of an iRacing telemetry file (.ibt) for the channels of the stock-car catalogue.
 *
 * iRacing has no `draft` and no brake disc temperatures: those channels stay empty.
 */
export const IRACING: Readonly<Record<string, Mapping>> = {
  session_time: { from: 'SessionTime', unit: 's' },
  lap: { from: 'Lap' },
  laps_completed: { from: 'LapCompleted' },
  lap_dist: { from: 'LapDist', unit: 'm', clamp: [0, 1e5] },
  lap_dist_pct: ratio('LapDistPct'),
  lap_time: { from: 'LapCurrentLapTime', unit: 's' },
  lap_time_last: { from: 'LapLastLapTime', unit: 's' },
  lap_time_best: { from: 'LapBestLapTime', unit: 's' },
  lap_best: { from: 'LapBestLap' },
  delta_best: { from: 'LapDeltaToBestLap', unit: 's' },
  dist_ahead: { from: 'CarDistAhead', unit: 'm' },
  dist_behind: { from: 'CarDistBehind', unit: 'm' },
  on_pit_road: { from: 'OnPitRoad' },
  in_pit_stall: { from: 'PlayerCarInPitStall' },
  track_surface: { from: 'PlayerTrackSurface' },
  incidents: { from: 'PlayerCarMyIncidentCount' },
  speed: { from: 'Speed', unit: 'm/s', scale: KPH },
  rpm: { from: 'RPM', unit: 'revs/min' },
  gear: { from: 'Gear' },
  throttle: ratio('Throttle'),
  brake: ratio('Brake'),
  clutch: ratio('Clutch'),
  steering: angle('SteeringWheelAngle'),
  steering_torque: { from: 'SteeringWheelTorque', unit: 'N*m' },
  shift_light: ratio('ShiftIndicatorPct'),
  throttle_raw: ratio('ThrottleRaw'),
  brake_raw: ratio('BrakeRaw'),
  clutch_raw: ratio('ClutchRaw'),
  brake_bias: { from: 'dcBrakeBias' },
  lat: { from: 'Lat', unit: 'deg' },
  lon: { from: 'Lon', unit: 'deg' },
  alt: { from: 'Alt', unit: 'm' },
  heading: angle('YawNorth'),
  accel_lat: { from: 'LatAccel', unit: 'm/s^2' },
  accel_long: { from: 'LongAccel', unit: 'm/s^2' },
  accel_vert: { from: 'VertAccel', unit: 'm/s^2' },
  vel_x: { from: 'VelocityX', unit: 'm/s' },
  vel_y: { from: 'VelocityY', unit: 'm/s' },
  vel_z: { from: 'VelocityZ', unit: 'm/s' },
  yaw: angle('Yaw'),
  pitch: angle('Pitch'),
  roll: angle('Roll'),
  yaw_rate: angle('YawRate', 'rad/s'),
  pitch_rate: angle('PitchRate', 'rad/s'),
  roll_rate: angle('RollRate', 'rad/s'),
  water_temp: { from: 'WaterTemp', unit: 'C' },
  water_level: { from: 'WaterLevel', unit: 'l' },
  oil_temp: { from: 'OilTemp', unit: 'C' },
  oil_press: { from: 'OilPress', unit: 'bar' },
  oil_level: { from: 'OilLevel', unit: 'l' },
  fuel_level: { from: 'FuelLevel', unit: 'l' },
  fuel_pct: ratio('FuelLevelPct'),
  fuel_press: { from: 'FuelPress', unit: 'bar' },
  fuel_use: { from: 'FuelUsePerHour', unit: 'kg/h' },
  manifold_press: { from: 'ManifoldPress', unit: 'bar' },
  voltage: { from: 'Voltage', unit: 'V' },
  engine_warnings: { from: 'EngineWarnings' },
  push_to_pass: { from: 'PushToPass' },
  ...tire('lf', 'LF'),
  ...tire('rf', 'RF'),
  ...tire('lr', 'LR'),
  ...tire('rr', 'RR'),
  ride_splitter: length('CFSRrideHeight'),
  wedge_left: { from: 'dpWeightJackerLeft' },
  wedge_right: { from: 'dpWeightJackerRight' },
  tape: { from: 'dpQTape' },
  pit_service: { from: 'PitSvFlags' },
  pit_fuel_add: { from: 'PitSvFuel' },
  pit_repair_left: { from: 'PitRepairLeft', unit: 's' },
  pit_opt_repair_left: { from: 'PitOptRepairLeft', unit: 's' },
  pit_active: { from: 'PitstopActive' },
  tire_sets_used: { from: 'TireSetsUsed' },
  track_temp: { from: ['TrackTempCrew', 'TrackTemp'], unit: 'C' },
  air_temp: { from: 'AirTemp', unit: 'C' },
  air_press: { from: 'AirPressure', unit: 'Pa', scale: 0.01 },
  air_density: { from: 'AirDensity', unit: 'kg/m^3' },
  humidity: ratio('RelativeHumidity'),
  wind_speed: { from: 'WindVel', unit: 'm/s' },
  wind_dir: angle('WindDir'),
  wetness: { from: 'TrackWetness' },
  skies: { from: 'Skies' },
};

/** No Formula 1 car accelerates at 10 g; the recording has spikes that do. */
const ACCELERATION: readonly [number, number] = [-100, 100];

/** The columns of a lap of the Formula 1 test for the channels of the formula-1 catalogue. */
export const F1_TEST: Readonly<Record<string, Mapping>> = {
  lap_dist: { from: 'distance', clamp: [0, 1e5] },
  lap_dist_pct: { from: 'rel_distance', scale: PERCENT, clamp: [0, 100] },
  lap_time: { from: 'time' },
  speed: { from: 'speed' },
  rpm: { from: 'rpm' },
  gear: { from: 'gear' },
  throttle: { from: 'throttle', valid: [0, 100] },
  brake: { from: 'brake' },
  drs: { from: 'drs' },
  x: { from: 'x', scale: 0.1 },
  y: { from: 'y', scale: 0.1 },
  z: { from: 'z', scale: 0.1 },
  acc_x: { from: 'acc_x', valid: ACCELERATION },
  acc_y: { from: 'acc_y', valid: ACCELERATION },
  acc_z: { from: 'acc_z', valid: ACCELERATION },
};
