import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, findLastingPort } from '../../cli/testing/program.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import { startHaproxy, type TestHaproxy } from '../../testing/haproxy.ts';
import { pause } from '../live-race.ts';
import { Actor } from './actor.ts';
import { IngestPair } from './ingest-pair.ts';
import { type StagedNats, startStagedNats } from './staged-nats.ts';

export const RACE = 'bench';
const WHOLE_WITHIN_MS = 120_000;
const EDGES = 3;

/** Everything between the cars and the fans, each a process of its own. */
export interface Stage {
  readonly nats: StagedNats;
  readonly ingests: IngestPair;
  readonly edges: readonly Actor[];
  readonly edgePorts: readonly number[];
  readonly haproxy: TestHaproxy;
  /** What {@link haproxy} serves, over a network that can be spoilt. */
  readonly mobile: FaultProxy;
  /** Ends that nobody had asked for, in words. */
  readonly deaths: string[];
  /**
   * Waits until all edges are up, an ingest publishes and the other one stands by.
   * @returns what is still missing after two minutes; nothing, when all is well.
   */
  untilWhole(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Starts all of it; resolves when all is well. @param seconds How long it will run. */
export async function setStage(kind: StagedNats['kind'], seconds: number): Promise<Stage> {
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
    const onDeath = (sentence: string) => deaths.push(sentence);
    const nats = keep(await startStagedNats(kind, seconds));
    const ingests = keep(await IngestPair.start(nats.servers, RACE, folder, onDeath));
    const edgePorts: number[] = [];
    for (let n = 0; n < EDGES; n++) edgePorts.push(await findLastingPort());
    const edges = edgePorts.map((port, n) => {
      const args = ['edge', '--nats', nats.servers.join(','), '--port', String(port)];
      return keep(new Actor(`edge ${n + 1}`, args, folder, { onDeath }));
    });
    const haproxy = keep(await startHaproxy(await findFreePort(), edgePorts as [number, number, number]));
    const mobile = keep(await startFaultProxy(haproxy.url));
    const problems = async () => {
      const states = await haproxy.states();
      return [...states.flatMap(({ isUp }, n) => (isUp ? [] : [`edge ${n + 1} is not up`])), ...ingests.problems()];
    };
    const untilWhole = async () => {
      const deadlineMs = performance.now() + WHOLE_WITHIN_MS;
      let left = await problems();
      while (left.length > 0 && performance.now() < deadlineMs) {
        await pause(100);
        left = await problems();
      }
      return left;
    };
    const left = await untilWhole();
    if (left.length > 0)
      throw new Error(`The stage is not whole after ${WHOLE_WITHIN_MS / 1000} s: ${[...left, ...deaths].join(', ')}.`);
    return { nats, ingests, edges, edgePorts, haproxy, mobile, deaths, untilWhole, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
