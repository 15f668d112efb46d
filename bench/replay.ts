import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArchiveReader } from '../archive/archive-reader.ts';
import { openFile } from '../archive/byte-source.ts';
import { playTicks } from '../archive/played-ticks.ts';
import { makeArchive, usage as makeUsage } from '../cli/archive/make.ts';
import { parseFlags, type Usage, type Values } from '../cli/flags.ts';
import type { Field } from '../protocol/field.ts';
import { startNatsServer } from '../testing/nats-server.ts';
import { connect } from '../web/client/mod.ts';
import { cpuSeconds } from './cpu.ts';
import { pause, startEdge } from './live-race.ts';
import { round } from './machine.ts';
import { startService, withAll } from './processes.ts';

const FLAGS = {
  minutes: { kind: 'integer', min: 1, max: 120, default: 30, unit: 'min', help: 'Length of the race.' },
  cars: { kind: 'integer', min: 1, max: 40, default: 40, help: 'Cars in it; the fan watches all of them in full.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- replay [flags]',
  purpose:
    'Makes an archive of a simulated race, replays it at the highest speed through nats-server and an edge to a fan of the SDK, and compares every state that the fan holds with the archive. The fan comes when the edge has found the race.',
  flags: FLAGS,
};

const RACE = 'bench';
const TICKS_PER_MINUTE = 120;
/** The highest that `slipstream replay` takes. */
const SPEED = 60;
/** A fan that gets nothing for so long gets nothing any more. */
const QUIET_MS = 15_000;

/** The field at every tick of an archive. */
async function readTruth(file: string): Promise<Field[]> {
  const source = await openFile(file);
  try {
    const reader = await ArchiveReader.open(source);
    const { epoch } = reader.blocks[0]!;
    const fields: Field[] = [];
    const all = { epoch: epoch!, from: 0, to: Number.MAX_SAFE_INTEGER };
    for await (const { field } of playTicks(reader, all)) fields.push(field);
    return fields;
  } finally {
    await source.close();
  }
}

/** What a fan got, who watches all cars in full and compares all that he holds. */
function watchAll(url: string, truth: readonly Field[]) {
  const seen = { first: -1, last: -1, compared: 0, differences: 0, missed: 0, errors: 0, beganMs: 0, endedMs: 0 };
  const watch = truth.at(-1)!.cars.map((car) => ({ car, view: 'full' }));
  const race = connect({ url, race: RACE, watch, history: 'all' });
  race.on('error', () => seen.errors++);
  race.on('tick', ({ tick }) => {
    seen.endedMs = performance.now();
    if (seen.first < 0) Object.assign(seen, { first: tick, beganMs: seen.endedMs });
    else seen.missed += Math.max(0, tick - seen.last - 1);
    seen.last = tick;
    const { cars, states } = truth[tick]!;
    for (const [slot, car] of cars.entries()) {
      seen.compared++;
      const [held, told] = [race.state(car), states[slot]];
      const isSame = held && told ? told.every((value, index) => held[index] === value) : !held === !told;
      if (!isSame) seen.differences++;
    }
  });
  return { seen, close: () => race.close() };
}

async function measure(file: string, truth: readonly Field[]): Promise<Record<string, unknown>> {
  return withAll(async (keep) => {
    const nats = keep(await startNatsServer());
    const address = `127.0.0.1:${nats.port}`;
    const { edge, url, isReady } = await startEdge(address);
    keep(edge);
    process.stderr.write(`replaying ${truth.length} ticks at speed ${SPEED}\n`);
    const replay = keep(
      await startService(['replay', file, '--nats', address, '--as', RACE, '--speed', String(SPEED)]),
    );
    await isReady();
    const fan = watchAll(url, truth);
    const before = { edge: cpuSeconds(edge.pid), ms: performance.now() };
    const { seen } = fan;
    while (seen.last < truth.length - 1) {
      if (performance.now() - Math.max(seen.endedMs, before.ms) > QUIET_MS) break;
      await pause(50);
    }
    const seconds = (seen.endedMs - seen.beganMs) / 1000;
    const edgeCpuS = cpuSeconds(edge.pid) - before.edge;
    fan.close();
    await replay.stop();
    return {
      ticks: truth.length,
      speed: SPEED,
      ticks_per_s: round((seen.last - seen.first) / seconds, 1),
      first_tick: seen.first,
      last_tick: seen.last,
      states_compared: seen.compared,
      differences: seen.differences,
      missed: seen.missed + (truth.length - 1 - seen.last),
      errors: seen.errors,
      edge_core_share: round(edgeCpuS / seconds),
    };
  });
}

export async function run({ minutes, cars }: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-replay-'));
  try {
    const file = join(folder, 'bench.race');
    process.stderr.write(`making a race of ${minutes * TICKS_PER_MINUTE} ticks\n`);
    const words = [
      '--kind',
      'simulator',
      '--cars',
      `${cars}`,
      '--minutes',
      `${minutes}`,
      '--rate',
      '4',
      '--laps',
      '2000',
    ];
    const { values } = parseFlags(makeUsage, [file, ...words], {});
    await makeArchive(file, [], values, () => {}, new AbortController().signal);
    return await measure(file, await readTruth(file));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every tick that the fan was there for is the archive's. */
export const isGood = ({ differences, missed, errors }: Readonly<Record<string, unknown>>): boolean =>
  differences === 0 && missed === 0 && errors === 0;
