import { connectNats } from '../broker/connection.ts';
import { subjectsOf } from '../broker/race-stream.ts';
import type { Usage, Values } from '../cli/flags.ts';
import { Sandbox, until } from '../cli/testing/program.ts';
import { readStreamHead } from '../protocol/tick-message.ts';
import { type FaultProxy, startFaultProxy } from '../testing/fault-proxy.ts';
import { type PairMember, startMember } from '../testing/ingest-pair.ts';
import { startNatsServer } from '../testing/nats-server.ts';
import { startRawCars } from '../testing/raw-cars.ts';
import { pause } from './live-race.ts';
import { quantile, round } from './machine.ts';
import { withAll } from './processes.ts';

const FLAGS = {
  runs: { kind: 'integer', min: 1, max: 1000, default: 15, help: 'How often each fault is made.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- takeover [flags]',
  purpose:
    'Two ingests of one race. The one on the air is killed, frozen or cut off from NATS at a random moment: how long until the other one has published, and what is missing then.',
  flags: FLAGS,
};

const RACE = 'bench';
const TICK_MS = 500;
const DEADLINE_MS = 60_000;
/** What the old one had sent arrives within this; nobody takes over so soon. */
const LAST_BREATH_MS = 200;

/** An ingest that reaches NATS over a wire of its own. */
interface Wired {
  readonly member: PairMember;
  readonly wire: FaultProxy;
}

/** What is done to the one on the air, and how it becomes a standby again. */
interface Fault {
  strike(one: Wired): void;
  mend(one: Wired): Promise<Wired>;
}

export const run = (flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> =>
  withAll(async (keep) => {
    const nats = keep(await startNatsServer());
    const box = new Sandbox();
    keep({ stop: () => box.remove() });
    keep(await startRawCars([nats.url], RACE, { cars: 40, everyMs: 20 }));
    const connection = await connectNats({ servers: [nats.url], name: 'takeover' });
    keep({ stop: () => connection.close() });
    const ticks: { atMs: number; tick: number; closeAtMs: number }[] = [];
    connection.subscribe(subjectsOf(RACE).tick, {
      callback: (_, { data }) => {
        const { tick, closeAtMs } = readStreamHead(data);
        ticks.push({ atMs: performance.now(), tick, closeAtMs });
      },
    });
    const start = async (): Promise<Wired> => {
      const wire = keep(await startFaultProxy(nats.url));
      const member = startMember(box, RACE, `127.0.0.1:${wire.port}`);
      await until('an ingest', () => member.takeOvers + member.standBys > 0, DEADLINE_MS);
      return { member, wire };
    };
    const standsByAgain = async (one: Wired, before: number): Promise<Wired> => {
      await until('a standby', () => one.member.standBys > before, DEADLINE_MS);
      return one;
    };
    const faults: Record<string, Fault> = {
      stopped: {
        strike: ({ member }) => void member.run.child.kill('SIGTERM'),
        mend: start,
      },
      killed: {
        strike: ({ member }) => void member.run.child.kill('SIGKILL'),
        mend: start,
      },
      frozen: {
        strike: ({ member }) => void member.run.child.kill('SIGSTOP'),
        mend: (one) => {
          one.member.run.child.kill('SIGCONT');
          return standsByAgain(one, one.member.standBys);
        },
      },
      'cut off': {
        strike: ({ wire }) => {
          wire.cut();
          wire.swallow();
        },
        mend: (one) => {
          const { standBys } = one.member;
          one.wire.reset();
          one.wire.mend();
          return standsByAgain(one, standBys);
        },
      },
    };
    let onAir = await start();
    let standby = await start();
    const table: Record<string, unknown>[] = [];
    for (const [fault, { strike, mend }] of Object.entries(faults)) {
      const tookMs: number[] = [];
      let holes = 0;
      let caughtUp = 0;
      for (let turn = 0; turn < flags.runs; turn++) {
        // Long enough for the lease to be renewed in every phase, and for the standby to be warm.
        await pause(2000 + 1000 * Math.random());
        const struckAtMs = performance.now();
        strike(onAir);
        const isAfter = ({ atMs }: { atMs: number }) => atMs > struckAtMs + (fault === 'stopped' ? 0 : LAST_BREATH_MS);
        const { takeOvers } = standby.member;
        await until('a take-over', () => standby.member.takeOvers > takeOvers, DEADLINE_MS);
        await until('its first tick', () => ticks.some(isAfter), DEADLINE_MS);
        await pause(2 * TICK_MS);
        const first = ticks.findIndex(isAfter);
        tookMs.push(ticks[first]!.atMs - struckAtMs);
        caughtUp += ticks.filter((one) => isAfter(one) && one.atMs < ticks[first]!.atMs + 100).length - 1;
        for (let n = Math.max(1, first - 2); n < ticks.length; n++) {
          const [before, after] = [ticks[n - 1]!, ticks[n]!];
          if (after.tick !== before.tick + 1) throw new Error(`Tick ${after.tick} follows tick ${before.tick}.`);
          holes += (after.closeAtMs - before.closeAtMs) / TICK_MS - 1;
        }
        const old = onAir;
        onAir = standby;
        standby = await mend(old);
        process.stderr.write(`${fault}: ${Math.round(tookMs.at(-1)!)} ms\n`);
      }
      const worst = Math.max(...tookMs);
      table.push({
        ...{ fault, runs: flags.runs, median_ms: round(quantile(tookMs, 0.5), 0), worst_ms: round(worst, 0) },
        ...{ caught_up_ticks: caughtUp, turns_without_tick: holes },
      });
    }
    return { takeovers: table };
  });
