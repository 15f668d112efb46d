import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { type Edge, startEdge } from '../fanout/edge.ts';
import { until } from '../fanout/testing/until.ts';
import { loadCatalogue } from '../ingest/builtin-catalogue.ts';
import { createClock } from '../ingest/clock.ts';
import { createF1TestSource } from '../ingest/f1-test-source.ts';
import { createIbtSource } from '../ingest/ibt-source.ts';
import { type Ingest, startIngest } from '../ingest/ingest.ts';
import { areRecordingsMissing, recordings } from '../ingest/recordings.ts';
import type { Clock, Source } from '../ingest/source.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { startNatsServer, type TestNatsServer } from './nats-server.ts';
import { Oracle } from './oracle-fan.ts';
import { RandomCrowd } from './random-crowd.ts';

const FANS = 50;
/** Race seconds per second: a tick every 62 ms leaves the machine time to breathe. */
const SPEED = 8;
const TICKS = 120;
/** For each step; a machine that runs other tests beside this one is slow. */
const WITHIN_MS = 30_000;
/** Another one each time; the name of the test says which. */
const SEED = Number(process.env.SLIPSTREAM_SEED ?? randomInt(2 ** 31));

interface Field {
  readonly name: string;
  readonly catalogue: string;
  create(catalogue: Catalogue, clock: Clock): Source;
}

const FIELDS: Field[] = [
  {
    name: 'the Bristol truck as a field of 40 cars',
    catalogue: 'stock-car',
    create: (catalogue, clock) =>
      createIbtSource(catalogue, clock, { files: recordings.ibt.filter((file) => file.includes('bristol')), cars: 40 }),
  },
  {
    name: '40 Formula 1 driver-days',
    catalogue: 'formula-1',
    create: (catalogue, clock) => createF1TestSource(catalogue, clock, { folder: recordings.f1Test, cars: 40 }),
  },
];

describe.skipIf(areRecordingsMissing()).each(FIELDS)('$name', ({ catalogue: catalogueName, create }) => {
  let nats: TestNatsServer;
  let connection: NatsConnection;
  beforeAll(async () => {
    nats = await startNatsServer();
    connection = await connectNats({ servers: [nats.url], name: 'test' });
  });
  afterAll(async () => {
    await connection.close();
    await nats.stop();
  });

  it(`reaches 50 restless fans over two edges without a difference, seed ${SEED}`, async () => {
    const race = `seed-${SEED}`;
    const catalogue = loadCatalogue(catalogueName);
    const oracle = new Oracle(catalogue);
    const clock = createClock(Date.now(), SPEED);
    const edges: Edge[] = [];
    let ingest: Ingest | undefined;
    let crowd: RandomCrowd | undefined;
    try {
      ingest = await startIngest({
        connection,
        race,
        catalogue,
        clock,
        sources: [create(catalogue, clock)],
        onTick: (tick) => oracle.add(tick),
      });
      for (let n = 0; n < 2; n++)
        edges.push(await startEdge({ servers: [nats.url], races: [race], tickMs: 500 / SPEED }));
      const cars =
        catalogueName === 'stock-car'
          ? Array.from({ length: 41 }, (_, n) => String(n + 1).padStart(2, '0'))
          : await carsOf(oracle);
      crowd = new RandomCrowd({
        oracle,
        catalogue,
        urls: edges.map(({ url }) => url),
        race,
        cars,
        fans: FANS,
        seed: SEED,
      });
      const { fans } = crowd;
      await until('every fan is live', () => fans.every(({ lastTick }) => lastTick >= 0), WITHIN_MS);
      for (const end = oracle.lastTick + TICKS; oracle.lastTick < end; ) {
        const tick = oracle.lastTick;
        await until('the next tick', () => oracle.lastTick > tick, WITHIN_MS);
        crowd.stir();
      }
      crowd.settle();
      await until(
        'every fan has what it chose last',
        () => fans.every((fan) => fan.lastTick >= oracle.lastTick - 1 && fan.missingCars().length === 0),
        WITHIN_MS,
      );
      await ingest.stop();
      await until(
        'every fan has the last tick',
        () => fans.every(({ lastTick }) => lastTick === oracle.lastTick),
        WITHIN_MS,
      );
      const sum = (pick: (report: (typeof fans)[number]['report']) => number) =>
        fans.reduce((total, { report }) => total + pick(report), 0);
      expect(fans.flatMap(({ report }) => report.differences)).toEqual([]);
      expect(fans.flatMap((fan) => fan.missingCars())).toEqual([]);
      expect({ missed: sum((r) => r.missed), doubled: sum((r) => r.doubled) }).toEqual({ missed: 0, doubled: 0 });
      // The run must have been what it claims to be.
      expect(sum((r) => r.cuts)).toBeGreaterThan(FANS);
      expect(sum((r) => r.composites)).toBeGreaterThan(0);
      expect(sum((r) => r.paced)).toBeGreaterThan(FANS);
      expect(sum((r) => r.statesCompared)).toBeGreaterThan(FANS * TICKS);
      // Snapshots come on the first join and never again: the ring holds every gap of this run.
      expect(sum((r) => r.snapshots)).toBe(FANS);
    } finally {
      crowd?.close();
      await ingest?.stop();
      await Promise.all(edges.map((edge) => edge.stop()));
    }
  }, 90_000);
});

async function carsOf(oracle: Oracle): Promise<readonly string[]> {
  await until('the field is complete', () => oracle.carsAtLastTick().length === 40, WITHIN_MS);
  return oracle.carsAtLastTick();
}
