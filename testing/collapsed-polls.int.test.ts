import { Agent, get } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../cli/testing/program.ts';
import type { Edge } from '../fanout/edge.ts';
import { PollReader } from '../fanout/testing/poll-reader.ts';
import { Stage, ticksFrom } from '../fanout/testing/stage.ts';
import { until } from '../fanout/testing/until.ts';
import { connect } from '../web/client/mod.ts';
import { startNginx, type TestNginx } from './nginx.ts';
import { findProxy } from './proxy-binary.ts';

const FANS = 1000;
const TICKS = 4;
const TICK_MS = 500;
/** Of the requests of all fans for one tick so many may reach an edge. */
const MOST_PER_TICK = 5;

let stage: Stage;
let edges: Edge[];
let nginx: TestNginx | undefined;
const agent = new Agent({ keepAlive: true });
beforeAll(async () => {
  if (!findProxy('nginx')) return;
  stage = await Stage.set();
  await stage.publisher.begin();
  await stage.publisher.run(20);
  edges = [await stage.edgeAtHead(), await stage.edgeAtHead(), await stage.edgeAtHead()];
  const [a, b, c] = edges.map(({ port }) => port) as [number, number, number];
  nginx = await startNginx(await findFreePort(), [a, b, c]);
});
afterAll(async () => {
  agent.destroy();
  await nginx?.stop();
  await stage?.strike();
});

/** What has reached the edges. */
const requests = (): number =>
  edges.reduce((sum, edge) => {
    const { answers, refused, waiting } = edge.stats().races.oval!.polls;
    return [answers, refused].flatMap((each) => Object.values(each)).reduce((a, b) => a + b, sum + waiting);
  }, 0);

const ask = (path: string): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const request = get(`${nginx!.url}${path}`, { agent }, (response) => {
      const parts: Buffer[] = [];
      response
        .on('data', (bytes) => parts.push(bytes))
        .on('error', reject)
        .on('end', () => {
          if (response.statusCode === 200) resolve(Buffer.concat(parts));
          else reject(new Error(`The answer to ${path} is ${response.statusCode}: ${Buffer.concat(parts)}`));
        });
    });
    request.on('error', reject);
  });

/** Fans who poll until they have seen a tick. */
class Crowd {
  readonly fans = Array.from({ length: FANS }, () => new PollReader(stage.writer.catalogue));
  readonly #reading: Promise<unknown>;
  readonly #isOver: (fan: PollReader) => boolean;

  constructor(isOver: (fan: PollReader) => boolean) {
    this.#isOver = isOver;
    this.#reading = Promise.all(this.fans.map((fan) => this.#read(fan)));
    this.#reading.catch(() => {});
  }

  async #read(fan: PollReader): Promise<void> {
    while (!this.#isOver(fan)) {
      const { since } = fan;
      fan.read(await ask(`/races/oval/poll${since === undefined ? '' : `?since=${since}`}`));
    }
  }

  /** Throws what was in the way of any of them. */
  get done(): Promise<unknown> {
    return this.#reading;
  }

  get areIn(): boolean {
    return this.fans.every(({ tick }) => tick >= 0);
  }
}

async function publishInTime(ticks: number): Promise<void> {
  for (let n = 0; n < ticks; n++) {
    await stage.publisher.run(1);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

describe.skipIf(!findProxy('nginx'))('1,000 fans who poll through nginx', () => {
  it('are one request to the edges in each tick, and each gets every tick once; also while an edge leaves', async () => {
    const first = stage.writer.tick;
    const last = first + 2 * TICKS;
    const before = requests();
    const crowd = new Crowd(({ tick }) => tick === last);
    await Promise.race([crowd.done, until('all are in', () => crowd.areIn)]);
    const toJoin = requests() - before;
    expect(toJoin).toBeLessThanOrEqual(2 * MOST_PER_TICK);
    await publishInTime(TICKS);
    const leaving = edges[0]!.drain({ leadMs: 0, maxWindowMs: 0 });
    await publishInTime(TICKS);
    await crowd.done;
    await leaving;
    for (const fan of crowd.fans) {
      expect(fan.ticks).toEqual(ticksFrom(last - fan.ticks.length + 1, last));
      expect(fan.ticks[0]).toBeLessThanOrEqual(first + 1);
      expect(fan.field).toEqual(stage.writer.field);
      expect(fan.heads.filter(({ kind }) => kind === 'snapshot')).toHaveLength(1);
    }
    const asked = requests() - before - toJoin;
    const made = edges.reduce((sum, edge) => sum + edge.stats().races.oval!.polls.answers.deltas, 0);
    expect(made).toBeGreaterThanOrEqual(2 * TICKS);
    expect(asked).toBeLessThanOrEqual(MOST_PER_TICK * 2 * TICKS);
  }, 120_000);

  it('leave room for sockets: the SDK is live through the same nginx', async () => {
    const race = connect({ url: nginx!.url, race: 'oval', watch: [{ car: '0', view: 'full' }], history: 'all' });
    const ticks: number[] = [];
    race.on('tick', ({ tick }) => ticks.push(tick));
    try {
      await until('it is in', () => ticks.length > 0);
      await stage.publisher.run(5);
      await until('it is current', () => ticks.at(-1) === stage.writer.tick);
      expect(ticks).toEqual(ticksFrom(ticks[0]!, stage.writer.tick));
      expect((await fetch(`${nginx!.url}/metrics`)).status).toBe(404);
    } finally {
      race.close();
    }
  });
});
