import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, findLastingPort } from '../../cli/testing/program.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import { startHaproxy, type TestHaproxy } from '../../testing/haproxy.ts';
import { startNatsServer, type TestNatsServer } from '../../testing/nats-server.ts';
import { openSmallDisk, type SmallDisk, smallDiskProblem } from '../../testing/small-disk.ts';
import { pause } from '../live-race.ts';
import { Actor } from './actor.ts';

export const RACE = 'bench';
const READY_WITHIN_MS = 60_000;
const EDGES = 3;
const MIN_DISK_BYTES = 32 * 2 ** 20;
const DISK_BYTES_PER_S = 50_000;
/** Samples per second and car: what counts here are the ticks. */
const RATE_HZ = 10;

/** An ingest and its way to NATS. */
export interface StagedIngest {
  readonly actor: Actor;
  readonly network: FaultProxy;
  /** What it said last of its race. */
  readonly role: 'leads' | 'stands by' | undefined;
}

/** What an ingest says when it begins to publish, and when it waits for its turn. */
const LEADS = /\bRace \w+ (goes on after|begins in epoch)\b/;
const STANDS_BY = /\bstanding by\b/;

/** Everything between the cars and the fans, each a process of its own. */
export interface Stage {
  readonly nats: TestNatsServer;
  /** Where NATS keeps its streams, if that can be filled up; else why not. */
  readonly disk: Pick<SmallDisk, 'fill' | 'free'> | string;
  /** Two: one leads, the other stands by. */
  readonly ingests: readonly StagedIngest[];
  readonly edges: readonly Actor[];
  readonly edgePorts: readonly number[];
  readonly haproxy: TestHaproxy;
  /** What {@link haproxy} serves, over a network that can be spoilt. */
  readonly mobile: FaultProxy;
  /** Ends that nobody had asked for, in words. */
  readonly deaths: string[];
  /** The ingest that publishes, `undefined` while none does. */
  leader(): StagedIngest | undefined;
  /** What is not as it should be when nothing is done to anybody; empty when all is well. */
  problems(): Promise<string[]>;
  untilWhole(withinMs?: number): Promise<void>;
  stop(): Promise<void>;
}

/** A disk with room for a race of so many seconds, several times over. */
async function openDisk(seconds: number) {
  const disk = await openSmallDisk(MIN_DISK_BYTES + seconds * DISK_BYTES_PER_S);
  process.once('exit', disk.stop);
  const stop = async () => {
    process.off('exit', disk.stop);
    disk.stop();
  };
  return { ...disk, stop };
}

/** Starts all of it; resolves when the race runs on all edges. @param seconds How long it will run. */
export async function setStage(seconds: number): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-chaos-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  const parts: { stop(): Promise<void> }[] = [];
  const keep = <T extends { stop(): Promise<void> }>(part: T): T => {
    parts.push(part);
    return part;
  };
  const stop = async () => {
    for (const part of parts.splice(0).reverse()) await part.stop();
    removeFolder();
    process.off('exit', removeFolder);
  };
  try {
    const deaths: string[] = [];
    const problem = smallDiskProblem();
    const disk = problem ?? keep(await openDisk(seconds));
    const store = typeof disk === 'string' ? {} : { disk };
    const nats = keep(await startNatsServer({ port: await findLastingPort(), ...store }));
    const ingests: StagedIngest[] = [];
    const onDeath = (sentence: string) => deaths.push(sentence);
    /** The one that said so last: an ingest that is frozen or cut off does not know yet that it leads no more. */
    let newest: StagedIngest | undefined;
    for (let n = 1; n <= 2; n++) {
      const network = keep(await startFaultProxy(nats.port));
      const flags = ['--race', RACE, '--sources', 'simulator', '--rate', String(RATE_HZ)];
      const spool = ['--spool', join(folder, `spool-${n}`)];
      const args = ['ingest', '--nats', `127.0.0.1:${network.port}`, ...flags, ...spool];
      const staged: { -readonly [Key in keyof StagedIngest]: StagedIngest[Key] } = {
        network,
        role: undefined,
        actor: undefined as never,
      };
      staged.actor = keep(
        new Actor(`ingest ${n}`, args, folder, {
          onDeath,
          onLaunch: () => {
            staged.role = undefined;
          },
          onLine: (line) => {
            if (STANDS_BY.test(line)) staged.role = 'stands by';
            if (!LEADS.test(line)) return;
            staged.role = 'leads';
            newest = staged;
          },
        }),
      );
      ingests.push(staged);
    }
    const ports: number[] = [];
    for (let n = 0; n < EDGES; n++) ports.push(await findLastingPort());
    const edges = ports.map((port, n) =>
      keep(
        new Actor(`edge ${n + 1}`, ['edge', '--nats', `127.0.0.1:${nats.port}`, '--port', String(port)], folder, {
          onDeath,
        }),
      ),
    );
    const haproxy = keep(await startHaproxy(await findFreePort(), ports as [number, number, number]));
    const mobile = keep(await startFaultProxy(haproxy.url));
    const leader = () => (newest?.actor.isAlive && newest.role === 'leads' ? newest : undefined);
    const problems = async () => {
      const states = await haproxy.states();
      return [
        ...states.flatMap(({ isUp }, n) => (isUp ? [] : [`edge ${n + 1} is not up`])),
        ...(leader() ? [] : ['no ingest publishes']),
        ...(ingests.some(({ actor, role }) => actor.isAlive && role === 'stands by') ? [] : ['no ingest stands by']),
      ];
    };
    const untilWhole = async (withinMs = READY_WITHIN_MS) => {
      const deadlineMs = performance.now() + withinMs;
      for (let left = await problems(); left.length > 0; left = await problems()) {
        if (performance.now() > deadlineMs)
          throw new Error(`The stage is not whole after ${withinMs / 1000} s: ${left.join(', ')}. ${deaths.join(' ')}`);
        await pause(100);
      }
    };
    await untilWhole();
    return {
      nats,
      disk,
      ingests,
      edges,
      edgePorts: ports,
      haproxy,
      mobile,
      deaths,
      leader,
      problems,
      untilWhole,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
