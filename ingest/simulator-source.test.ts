import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCatalogue } from '../protocol/catalogue.ts';
import type { RaceFacts } from '../protocol/document.ts';
import { VirtualClock } from './clock.ts';
import { createSimulatorSource, type SimulatorOptions } from './simulator-source.ts';
import type { Clock, Frame, SourceSink } from './source.ts';

const text = readFileSync(new URL('../protocol/catalogues/stock-car.json', import.meta.url), 'utf8');
const catalogue = parseCatalogue(text);
const START_MS = 1_700_000_000_000;

function collect() {
  const hash = createHash('sha256');
  const seen = { frames: 0, times: [] as number[], cars: new Set<string>(), facts: {} as RaceFacts, last: {} as Frame };
  const sink: SourceSink = {
    frame(frame) {
      seen.frames++;
      if (frame.atMs !== seen.times.at(-1)) seen.times.push(frame.atMs);
      seen.cars.add(frame.car);
      seen.last = { ...frame, channels: frame.channels.slice(), values: frame.values.slice() };
      hash.update(frame.car).update(frame.values.subarray(0, frame.count));
    },
    facts(facts) {
      seen.facts = { ...seen.facts, ...facts };
    },
    refuse(reason, detail) {
      throw new Error(`${reason}: ${detail}`);
    },
  };
  return { seen, sink, digest: () => hash.digest('hex') };
}

async function run(options: Partial<SimulatorOptions>, seconds: number, stepMs = seconds * 1000) {
  const clock = new VirtualClock(START_MS);
  const source = createSimulatorSource({ catalogue, clock, ...options });
  const { seen, sink, digest } = collect();
  await source.start(sink);
  for (let ms = stepMs; ms <= seconds * 1000; ms += stepMs) clock.advanceTo(START_MS + ms);
  return { clock, source, seen, digest };
}

describe('the simulator as a source', () => {
  it('sends one frame per car and instant, each at the time of its instant', async () => {
    const { seen, source } = await run({ rateHz: 120 }, 2);
    expect(seen.cars.size).toBe(40);
    expect(seen.times).toHaveLength(241);
    expect(seen.frames).toBe(40 * 241);
    expect(seen.times[0]).toBe(START_MS);
    expect(seen.times[120]).toBeCloseTo(START_MS + 1000, 6);
    await source.stop();
  });

  it('delivers every channel that is not derived, in catalogue order', async () => {
    const { seen, source } = await run({}, 1);
    expect(seen.last.count).toBe(catalogue.packedOrder.length);
    expect(Array.from(seen.last.channels.subarray(0, seen.last.count))).toEqual(Array.from(catalogue.packedOrder));
    expect(seen.last.values.subarray(0, seen.last.count).every(Number.isFinite)).toBe(true);
    await source.stop();
  });

  it('sends only what a smaller catalogue names', async () => {
    const channels = catalogue.channels.filter((channel) => ['speed', 'speed_max', 'rpm'].includes(channel.key));
    const small = parseCatalogue({ name: 'small', channels: channels.map(({ coding: _, ...channel }) => channel) });
    const { seen, source } = await run({ catalogue: small }, 1);
    expect(seen.last.count).toBe(2);
    await source.stop();
  });

  it('is the same on every run with a virtual clock, however the clock is advanced', async () => {
    const one = await run({ seed: 11, cars: 6 }, 100);
    const two = await run({ seed: 11, cars: 6 }, 100, 250);
    expect(two.digest()).toBe(one.digest());
    await Promise.all([one.source.stop(), two.source.stop()]);
  });

  it('is called a simulation in its kind and in the facts', async () => {
    const { seen, source } = await run({ laps: 120 }, 1);
    expect(source.kind).toBe('simulation');
    expect(seen.facts).toMatchObject({
      kind: 'simulation',
      origin: 'Slipstream simulator',
      lapsTotal: 120,
      flag: 'none',
    });
    expect(seen.facts.name).toMatch(/simulation/);
    expect(seen.facts.track).toMatch(/simulated/);
    expect(seen.facts.roster).toHaveLength(40);
    await source.stop();
  });

  it('tells of a flag when it falls', async () => {
    const { seen, source } = await run({ rateHz: 2, cars: 8, incidentRate: 0 }, 110);
    expect(seen.facts.flag).toBe('green');
    await source.stop();
  });

  it('is silent after stop, which may be called twice', async () => {
    const { clock, source, seen } = await run({ rateHz: 10 }, 1);
    await source.stop();
    await source.stop();
    const before = seen.frames;
    clock.advanceTo(START_MS + 5000);
    expect(seen.frames).toBe(before);
  });

  it('stops at once when a frame makes the receiver stop it', async () => {
    const clock = new VirtualClock(START_MS);
    const source = createSimulatorSource({ catalogue, clock, cars: 1 });
    const { seen, sink } = collect();
    await source.start({
      ...sink,
      frame(frame) {
        sink.frame(frame);
        void source.stop();
      },
    });
    clock.advanceTo(START_MS + 5000);
    expect(seen.frames).toBe(1);
  });

  it('falls silent for good after a race that does not loop', async () => {
    const { clock, source, seen } = await run({ cars: 3, laps: 1, loop: false, rateHz: 2, incidentRate: 0 }, 600);
    const before = seen.frames;
    clock.advanceTo(START_MS + 700_000);
    expect(seen.facts.flag).toBe('checkered');
    expect(seen.frames).toBe(before);
    await source.stop();
  });
});

describe('after a stall', () => {
  /** A clock that jumps: its timer fires late, as in a process that was suspended. */
  function jumpingClock() {
    let nowMs = START_MS;
    let due: (() => void) | undefined;
    const clock: Clock = {
      nowMs: () => nowMs,
      callAt(_, callback) {
        due = callback;
        return () => {
          due = undefined;
        };
      },
    };
    const jump = (ms: number) => {
      nowMs += ms;
      const callback = due;
      due = undefined;
      callback?.();
    };
    return { clock, jump };
  }

  it.each([5000, 3_600_000])('of %i ms it sends no more than the last second and goes on', async (stallMs) => {
    const { clock, jump } = jumpingClock();
    const source = createSimulatorSource({ catalogue, clock, cars: 2, rateHz: 50 });
    const { seen, sink } = collect();
    await source.start(sink);
    jump(0);
    jump(stallMs);
    expect(seen.frames).toBeLessThanOrEqual(2 * 52);
    expect(seen.times.at(-1)).toBeCloseTo(START_MS + stallMs, 3);
    expect(seen.times[1]).toBeGreaterThan(START_MS + stallMs - 1001);
    const before = seen.frames;
    jump(20);
    expect(seen.frames).toBe(before + 2);
    await source.stop();
  });
});

describe('options', () => {
  it.each([
    { cars: 0 },
    { cars: 41 },
    { rateHz: 0.5 },
    { rateHz: 121 },
    { laps: 0 },
    { laps: 1.5 },
    { seed: Number.NaN },
    { incidentRate: -1 },
    { skipS: 3601 },
  ])('refuses %o', (bad) => {
    const create = () => createSimulatorSource({ catalogue, clock: new VirtualClock(0), ...bad });
    expect(create).toThrow(expect.objectContaining({ code: 'bad_simulator' }));
  });
});
