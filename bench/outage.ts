import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectNats } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import type { Usage, Values } from '../cli/flags.ts';
import { StreamReport } from '../cli/stream-report.ts';
import { until } from '../cli/testing/program.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { readStream } from '../testing/race-check.ts';
import { cpuSeconds, residentBytes } from './cpu.ts';
import { pause } from './live-race.ts';
import { round } from './machine.ts';
import { type BenchProcess, startService, withAll } from './processes.ts';

const FLAGS = {
  seconds: { kind: 'integer', min: 5, max: 3600, default: 60, unit: 's', help: 'How long NATS is away each time.' },
  quiet: {
    kind: 'integer',
    min: 5,
    max: 3600,
    default: 30,
    unit: 's',
    help: 'How long the cost of ingest is measured while all is well, with a spool and without.',
  },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- outage [flags]',
  purpose:
    'nats-server is killed, and stands still, under the ingest of 40 simulated cars: what waits on disk, what that costs, how long until all of it is in the stream, and what is missing then.',
  flags: FLAGS,
};

const RACE = 'bench';
const DEADLINE_MS = 120_000;
/** Time for an ingest to have begun in earnest. */
const WARM_UP_MS = 3000;

/** What is done to NATS, and undone. */
interface Fault {
  strike(nats: TestNatsServer): void | Promise<void>;
  mend(nats: TestNatsServer): void | Promise<void>;
}

const FAULTS: Record<string, Fault> = {
  killed: { strike: (nats) => nats.kill(), mend: (nats) => nats.restart() },
  'stands still': { strike: (nats) => nats.pause(), mend: (nats) => nats.resume() },
};

export const run = (flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> =>
  withAll(async (keep) => {
    const folder = mkdtempSync(join(tmpdir(), 'slipstream-outage-'));
    keep({ stop: async () => rmSync(folder, { recursive: true, force: true }) });
    const nats = keep(await startNatsServer());
    const ingest = (spool: string) =>
      startService(['ingest', '--race', RACE, '--sources', 'simulator', '--nats', nats.url, '--spool', spool]);
    const shares: Record<string, number> = {};
    for (const [name, spool] of [
      ['off', 'off'],
      ['on', folder],
    ] as const) {
      const process = await ingest(spool);
      await pause(WARM_UP_MS);
      shares[name] = await cpuShare(process, flags.quiet * 1000);
      await process.stop();
    }
    const process = keep(await ingest(folder));
    await pause(WARM_UP_MS);
    const outages: Record<string, unknown>[] = [];
    for (const [fault, { strike, mend }] of Object.entries(FAULTS)) {
      const beforeBytes = residentBytes(process.pid);
      await strike(nats);
      const share = await cpuShare(process, flags.seconds * 1000);
      const spooled = spoolBytes(folder);
      const grownBytes = residentBytes(process.pid) - beforeBytes;
      const backAtMs = performance.now();
      await mend(nats);
      const upAtMs = performance.now();
      await until('an empty spool', () => spoolBytes(folder) === 0, DEADLINE_MS);
      outages.push({
        ...{
          fault,
          seconds: flags.seconds,
          spool_kb: round(spooled / 1000, 0),
          rss_grown_mb: round(grownBytes / 1e6, 1),
        },
        ...{ cpu_percent: round(100 * share), server_up_ms: round(upAtMs - backAtMs, 0) },
        all_in_stream_after_ms: round(performance.now() - upAtMs, 0),
      });
      await pause(WARM_UP_MS);
    }
    await process.stop();
    return {
      cpu_percent_all_well: { spool_off: round(100 * shares.off!), spool_on: round(100 * shares.on!) },
      outages,
      stream: await inspect(nats.url),
    };
  });

/** Share of one core that a process takes meanwhile. */
async function cpuShare({ pid }: BenchProcess, forMs: number): Promise<number> {
  const [beforeS, fromMs] = [cpuSeconds(pid), performance.now()];
  await pause(forMs);
  return (1000 * (cpuSeconds(pid) - beforeS)) / (performance.now() - fromMs);
}

function spoolBytes(folder: string): number {
  const race = join(folder, RACE);
  const files = readdirSync(race).filter((name) => name.endsWith('.spool'));
  // One that goes meanwhile counts no more.
  return files.reduce((sum, name) => sum + (statSync(join(race, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

async function inspect(url: string): Promise<Record<string, number>> {
  const connection = await connectNats({ servers: [url], name: 'bench outage' });
  try {
    const report = new StreamReport(RACE);
    for (const message of await readStream(await RaceStream.open(connection, RACE))) report.add(message);
    const { epochs, ticks, lost, doubled, unreadable, unchecked } = report.summary();
    return { epochs: epochs.length, ticks, lost, doubled, unreadable, unchecked };
  } finally {
    await connection.close();
  }
}
