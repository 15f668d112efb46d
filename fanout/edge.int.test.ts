import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { type Edge, type EdgeOptions, startEdge } from './edge.ts';
import { TestPublisher } from './testing/publisher.ts';
import { carsOf, expectedCars, TestFan } from './testing/test-fan.ts';
import { until } from './testing/until.ts';

let nats: TestNatsServer;
let publisher: TestPublisher;
let edges: Edge[];

beforeEach(async () => {
  nats = await startNatsServer();
  publisher = await TestPublisher.open(nats.url, 'oval');
  edges = [];
});
afterEach(async () => {
  await Promise.all(edges.map((edge) => edge.stop()));
  await publisher.close();
  await nats.stop();
});

async function edgeUp(options: Partial<EdgeOptions> = {}): Promise<Edge> {
  const edge = await startEdge({ servers: [nats.url], discoverMs: 100, ...options });
  edges.push(edge);
  return edge;
}

const atTick = (edge: Edge, tick: number) =>
  until(`the edge is at tick ${tick}`, () => edge.stats().races.oval?.tick === tick);

const join = (edge: Edge, query = 'watch=0:full,1:essentials') =>
  new TestFan(edge.url, 'oval', query, () => publisher.writer.catalogue);

/** Every tick that the fan saw, and its last state, are those that were published. */
function expectTruth(fan: TestFan): void {
  if (fan.failure) throw fan.failure;
  const { writer } = publisher;
  for (const { tick, state } of fan.reader.ticks)
    expect(carsOf(state), `tick ${tick}`).toEqual(
      expectedCars(writer.catalogue, writer.fields.get(tick)!, fan.reader.watch),
    );
}

describe('a fan', () => {
  it('gets a welcome, a receipt, the document, a snapshot and then every tick once', async () => {
    await publisher.begin();
    await publisher.run(30);
    const edge = await edgeUp();
    await atTick(edge, 30);
    const fan = join(edge);
    await until('the snapshot', () => fan.reader.ticks.length > 0);
    await publisher.run(45);
    await until('the last tick', () => fan.reader.state?.tick === 75);
    expectTruth(fan);
    expect(fan.reader.ticks.map(({ tick }) => tick)).toEqual(Array.from({ length: 46 }, (_, n) => n + 30));
    expect(fan.reader.said.map(({ type }) => type)).toEqual(['welcome', 'repair']);
    expect(fan.reader.receipts[0]).toMatchObject({ kind: 'snapshot', reason: 'first', ticks: 0 });
    await until(
      'the document',
      () => JSON.stringify(fan.reader.document) === JSON.stringify(publisher.writer.document),
    );
  });
});
