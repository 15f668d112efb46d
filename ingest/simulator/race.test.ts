import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Catalogue, parseCatalogue } from '../../protocol/catalogue.ts';
import type { Flag } from '../../protocol/document.ts';
import { CAR_LENGTH_M, MODE } from './cars.ts';
import { createRace, type Race } from './race.ts';
import { laneMask } from './traffic.ts';
import type { RaceOptions } from './world.ts';

const text = readFileSync(new URL('../../protocol/catalogues/stock-car.json', import.meta.url), 'utf8');
const catalogue: Catalogue = parseCatalogue(text);

/** Hash of all samples of a run of `seconds` sampled `rateHz` times a second. */
function hashRun(options: RaceOptions, seconds: number, rateHz: number): string {
  const race = createRace(options);
  const values = new Float64Array(race.channels.length);
  const hash = createHash('sha256');
  for (let n = 0; n < seconds * rateHz; n++) {
    race.step(1 / rateHz);
    for (let i = 0; i < race.roster.length; i++) {
      race.sample(i, values);
      hash.update(values);
    }
  }
  return hash.digest('hex');
}

describe('determinism', () => {
  const options = { seed: 7, cars: 12, laps: 20 };

  it('gives the same samples for the same seed and options', () => {
    expect(hashRun(options, 150, 10)).toBe(hashRun(options, 150, 10));
  });

  it('gives another race for another seed', () => {
    expect(hashRun(options, 20, 2)).not.toBe(hashRun({ ...options, seed: 8 }, 20, 2));
  });

  it('races the same race at any rate of samples', () => {
    const places = [20, 60, 120].map((rateHz) => {
      const race = createRace(options);
      for (let n = 0; n < 200 * rateHz; n++) race.step(1 / rateHz);
      return Array.from(race.world.cars.v, (v) => v.toFixed(6)).join();
    });
    expect(new Set(places).size).toBe(1);
  });
});

/** What a run of a race showed, gathered twice a second. */
interface Run {
  race: Race;
  flags: Flag[];
  said: string[];
  outOfRange: string[];
  lapJumps: string[];
  backwards: string[];
  fuelGains: string[];
  overlaps: number;
  greenLaps: number[];
  topSpeed: number;
  /** The first two values of each channel. */
  seen: Map<string, Set<number>>;
}

function watch(options: RaceOptions, maxSeconds: number): Run {
  const race = createRace(options);
  const at = Object.fromEntries(race.channels.map((key, index) => [key, index])) as Record<string, number>;
  const limits = race.channels.map((key) => catalogue.channels[catalogue.indexOf(key)!]!);
  const run: Run = {
    race,
    flags: [race.flag],
    said: [],
    outOfRange: [],
    lapJumps: [],
    backwards: [],
    fuelGains: [],
    overlaps: 0,
    greenLaps: [],
    topSpeed: 0,
    seen: new Map(),
  };
  const values = new Float64Array(race.channels.length);
  const last = race.roster.map(() => ({ lap: 0, dist: -Infinity, fuel: 80, yellow: false }));
  for (let n = 0; n < maxSeconds * 2 && !race.isOver; n++) {
    race.step(0.5);
    if (race.flag !== run.flags.at(-1)) run.flags.push(race.flag);
    run.said.push(...race.takeMessages());
    countOverlaps(run);
    for (let i = 0; i < race.roster.length; i++) {
      race.sample(i, values);
      const value = (key: string) => values[at[key]!]!;
      const car = race.roster[i]!.car;
      limits.forEach((channel, k) => {
        const v = values[k]!;
        if (!(v >= channel.min && v <= channel.max)) run.outOfRange.push(`${car} ${channel.key} ${v}`);
        const seen = run.seen.get(channel.key);
        if (!seen) run.seen.set(channel.key, new Set([v]));
        else if (seen.size < 2) seen.add(v);
      });
      const was = last[i]!;
      const lap = value('lap');
      if (lap !== was.lap && lap !== was.lap + 1) run.lapJumps.push(`${car} ${was.lap}→${lap}`);
      if (lap === was.lap + 1 && !was.yellow && lap > 2) run.greenLaps.push(value('lap_time_last'));
      if (lap !== was.lap) was.yellow = false;
      const dist = value('laps_completed') + value('lap_dist_pct') / 100;
      // 0.5 s at 330 km/h is little more than one per cent of the lap.
      if (dist < was.dist - 1e-6 || (was.dist > -2 && dist > was.dist + 0.012))
        run.backwards.push(`${car} ${was.dist}→${dist}`);
      const fuel = value('fuel_level');
      const isHelped = race.world.cars.damage[i]! > 0.3;
      if (fuel > was.fuel + 1e-9 && value('in_pit_stall') === 0 && !isHelped)
        run.fuelGains.push(`${car} ${was.fuel}→${fuel}`);
      run.topSpeed = Math.max(run.topSpeed, value('speed'));
      was.yellow ||= race.flag !== 'green' || value('on_pit_road') === 1;
      was.lap = lap;
      was.dist = dist;
      was.fuel = fuel;
    }
  }
  return run;
}

/** Pairs of racing cars in one lane with more than half a metre of each other inside themselves. */
function countOverlaps(run: Run): void {
  const { cars, track } = run.race.world;
  for (let i = 0; i < cars.count; i++) {
    for (let j = 0; j < cars.count; j++) {
      if (i === j || cars.mode[i] !== MODE.track || cars.mode[j] !== MODE.track) continue;
      const gap = (cars.s[j]! - cars.s[i]! + track.lengthM) % track.lengthM;
      const isSameLane = cars.lane[i] === cars.lane[j] && (laneMask(cars, i) & laneMask(cars, j)) !== 0;
      if (isSameLane && gap < CAR_LENGTH_M - 0.5) run.overlaps++;
    }
  }
}

const median = (list: number[]) => list.toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN;

describe('a race of 60 laps', () => {
  let run: Run;
  beforeAll(() => {
    run = watch({ seed: 3, laps: 60, incidentRate: 2, loop: false }, 9000);
  }, 120_000);

  it('ends with everybody parked and the field in order', () => {
    expect(run.race.isOver).toBe(true);
    expect(run.flags.slice(0, 2)).toEqual(['none', 'green']);
    expect(run.flags.at(-1)).toBe('checkered');
    expect(new Set(run.race.standings()).size).toBe(40);
    expect(run.race.world.cars.lap[run.race.standings()[0]!]).toBeGreaterThanOrEqual(60);
  });

  it('shows a caution, lead changes and a restart', () => {
    expect(run.race.stats.cautions).toBeGreaterThan(0);
    expect(run.race.stats.leadChanges).toBeGreaterThan(3);
    expect(run.flags.join()).toContain('yellow,green');
  });

  it('has a message of race control for each caution, with what it was, and more only around them', () => {
    const cautions = run.said.filter((text) => text.startsWith('Caution: '));
    expect(cautions).toHaveLength(run.race.stats.cautions);
    const cause =
      /^Caution: (incident, cars? [0-9a-zA-Z, ]+( and [0-9a-zA-Z]+)?|debris on the track|smoke from car [0-9a-zA-Z]+)$/;
    for (const text of cautions) expect(text).toMatch(cause);
    expect(run.said.filter((text) => text === 'Pit road is open').length).toBeLessThanOrEqual(cautions.length);
    expect(run.said.indexOf('Pit road is open')).toBeGreaterThan(run.said.indexOf(cautions[0]!));
    expect(run.race.takeMessages()).toEqual([]);
  });

  it('keeps every value of every channel in the range of the catalogue', () => {
    expect(run.outOfRange.slice(0, 5)).toEqual([]);
  });

  it('counts laps one by one and never jumps or runs backwards along the track', () => {
    expect(run.lapJumps.slice(0, 5)).toEqual([]);
    expect(run.backwards.slice(0, 5)).toEqual([]);
  });

  it('takes on fuel only in the pits and burns it elsewhere', () => {
    expect(run.fuelGains.slice(0, 5)).toEqual([]);
  });

  it('laps at 45 to 50 seconds under green, at believable speeds', () => {
    expect(run.greenLaps.length).toBeGreaterThan(500);
    expect(median(run.greenLaps)).toBeGreaterThan(45.5);
    expect(median(run.greenLaps)).toBeLessThan(48.5);
    expect(run.topSpeed).toBeGreaterThan(310);
    expect(run.topSpeed).toBeLessThan(340);
  });

  it('brings every car that finishes to its stall for a stop of 12 to 16 seconds as a rule', () => {
    const { cars } = run.race.world;
    for (let i = 0; i < cars.count; i++) if (cars.retired[i] === 0) expect(cars.stops[i]).toBeGreaterThan(0);
    const full = run.race.stats.stops.filter((stop) => stop.tires === 4).map((stop) => stop.seconds);
    expect(median(full)).toBeGreaterThan(12);
    expect(median(full)).toBeLessThan(16);
  });

  it('never has two racing cars in one place', () => {
    expect(run.overlaps).toBe(0);
  });

  it('lives in every channel that is not a setting or a fact of the day', () => {
    const constant = [...run.seen].filter(([, values]) => values.size === 1).map(([key]) => key);
    expect(constant.sort()).toEqual(['push_to_pass', 'skies', 'wetness']);
  });
});

describe('sensors', () => {
  it('cover every channel of the stock car catalogue that is not derived', () => {
    const wanted = catalogue.channels.filter((channel) => channel.of === undefined).map((channel) => channel.key);
    expect(createRace({ seed: 1 }).channels.toSorted()).toEqual(wanted.toSorted());
  });

  it('agree with each other at speed', () => {
    const race = createRace({ seed: 5, cars: 12, incidentRate: 0 });
    race.step(400);
    const values = new Float64Array(race.channels.length);
    race.sample(race.standings()[5]!, values);
    const value = (key: string) => values[race.channels.indexOf(key)]!;
    expect(value('gear')).toBe(5);
    expect(value('rpm') / value('speed')).toBeCloseTo(25.9, 0);
    expect(value('tire_rf_speed')).toBeCloseTo(value('speed'), -1);
    expect(value('vel_x') * 3.6).toBeCloseTo(value('speed'), 0);
    expect(value('tire_rf_temp_m')).toBeGreaterThan(value('tire_lf_temp_m'));
    expect(value('tire_rf_wear_m')).toBeLessThan(value('tire_lf_wear_m'));
    expect(value('fuel_pct')).toBeCloseTo(value('fuel_level') / 0.8, 6);
  });
});

describe('the end of a race', () => {
  it('is followed by another one with the same cars, from lap 0', () => {
    const race = createRace({ seed: 2, cars: 5, laps: 2, incidentRate: 0 });
    const ids = race.roster.map((entry) => entry.car);
    for (let t = 0; t < 900 && race.stats.races < 2; t++) race.step(1);
    expect(race.stats.races).toBe(2);
    expect(race.flag).toBe('none');
    expect(Array.from(race.world.cars.lap)).toEqual([-1, -1, -1, -1, -1]);
    expect(race.roster.map((entry) => entry.car)).toEqual(ids);
  });

  it('waves white for the last lap', () => {
    const race = createRace({ seed: 2, cars: 8, laps: 3, incidentRate: 0, loop: false });
    const flags: Flag[] = [];
    for (let t = 0; t < 2000 && !race.isOver; t++) {
      race.step(0.5);
      if (race.flag !== flags.at(-1)) flags.push(race.flag);
    }
    expect(flags).toEqual(['none', 'green', 'white', 'checkered']);
    expect(race.isOver).toBe(true);
  });
});

describe('the roster', () => {
  it('has 40 distinct numbers of at most three characters, each with a driver of its own', () => {
    const { roster } = createRace({ seed: 1 });
    expect(roster).toHaveLength(40);
    expect(new Set(roster.map((entry) => entry.car)).size).toBe(40);
    expect(new Set(roster.map((entry) => entry.driver)).size).toBe(40);
    for (const entry of roster) expect(entry.car).toMatch(/^\d{1,3}$/);
  });
});
