import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectNats } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { StreamReport } from '../cli/stream-report.ts';
import { type Edge, startEdge } from '../fanout/edge.ts';
import { until } from '../fanout/testing/until.ts';
import { digestField } from '../protocol/field.ts';
import { type IngestProcess, startIngestProcess } from './ingest-process.ts';
import { startNatsServer, type TestNatsServer } from './nats-server.ts';
import { decodeRace, readStream } from './race-check.ts';
import { RecordedFan } from './recorded-fan.ts';

const RACE = 'outage';
const WITHIN_MS = 60_000;
const FANS = 5;

let nats: TestNatsServer;
let edge: Edge;
let spool: string;
let lives: IngestProcess[];
let fans: RecordedFan[];

beforeEach(async () => {
  nats = await startNatsServer();
  spool = mkdtempSync(join(tmpdir(), 'slipstream-spool-'));
  lives = [];
  edge = await startEdge({ servers: [nats.url], races: [RACE], tickMs: 50 });
  fans = [];
});

afterEach(async () => {
  for (const { race } of fans) race.close();
  await Promise.all(lives.map((life) => life.kill()));
  await edge.stop();
  await nats.stop();
  rmSync(spool, { recursive: true, force: true });
});

function startLife(): IngestProcess {
  const life = startIngestProcess(nats.url, RACE, spool);
  lives.push(life);
  return life;
}

const untilTicks = (life: IngestProcess, count: number) =>
  until(`${count} ticks of ingest`, () => life.ticks.length >= count, WITHIN_MS);

/** A race that is on the air, with fans. */
async function begin(): Promise<IngestProcess> {
  const life = startLife();
  await untilTicks(life, 5);
  for (let n = 0; n < FANS; n++) fans.push(new RecordedFan(edge.url, RACE, [String(n), String((n + 1) % FANS)]));
  await until('all fans are live', () => fans.every(({ lastTick }) => lastTick >= 0), WITHIN_MS);
  return life;
}

/** Every tick that any life of ingest has closed is in the stream once, and with the fans. */
async function expectAllOfIt(): Promise<void> {
  const last = lives.at(-1)!;
  // Whatever was closed until now reaches the fans, and some more.
  const newest = last.ticks.at(-1)!.tick + 5;
  await until('the fans have everything', () => fans.every(({ lastTick }) => lastTick >= newest), WITHIN_MS);
  await last.kill();
  const connection = await connectNats({ servers: [nats.url], name: 'check' });
  try {
    const messages = await readStream(await RaceStream.open(connection, RACE));
    const report = new StreamReport(RACE);
    for (const message of messages) report.add(message);
    expect(report.summary()).toMatchObject({ lost: 0, doubled: 0, unreadable: 0, unchecked: 0, misplaced_patches: 0 });
    const [epoch, ...others] = decodeRace(messages);
    expect(others).toEqual([]);
    const held = epoch!.ticks.map(({ tick, field }) => ({ tick, digest: digestField(field) }));
    expect(held.map(({ tick }) => tick)).toEqual(held.map((_, tick) => tick));
    // The very last ones may have died with the last life.
    const closed = lives.flatMap(({ ticks }) => ticks);
    expect(held).toEqual(closed.slice(0, held.length));
    expect(held.length).toBeGreaterThan(newest);
    for (const fan of fans) expect(fan.compare(epoch!)).toEqual({ lost: 0, doubled: 0, wrong: 0 });
    for (const { race } of fans) expect(race.statistics().reconnects).toBe(0);
  } finally {
    await connection.close();
  }
}

describe('when nats-server is killed', () => {
  it('and ingest is killed too, it publishes after its restart what had waited on disk', {
    timeout: 120_000,
  }, async () => {
    const first = await begin();
    await nats.kill();
    await until('ingest spools', () => readdirSync(spool).some((name) => name.endsWith('.spool')), WITHIN_MS);
    await untilTicks(first, first.ticks.length + 40);
    await first.kill();
    await nats.restart();
    const second = startLife();
    await untilTicks(second, 10);
    expect(second.log.join('\n')).toMatch(/\d+ messages that waited in \S+ are published first/);
    expect(second.ticks[0]!.tick).toBe(first.ticks.at(-1)!.tick + 1);
    await expectAllOfIt();
    expect(readdirSync(spool)).toEqual([]);
  });
});
