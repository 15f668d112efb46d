import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connectNats } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { Stage, ticksFrom } from './testing/stage.ts';
import { until } from './testing/until.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.set();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await stage.strike();
});

/** Takes the consumers of the race away from those who read them, without a word, as the death of their server does. */
async function dropConsumers(): Promise<number> {
  const connection = await connectNats({ servers: [stage.nats.url], name: 'test' });
  const { consumers } = await jetstreamManager(connection);
  const { name } = stage.publisher.stream;
  let dropped = 0;
  for await (const consumer of consumers.list(name)) if (await consumers.delete(name, consumer.name)) dropped++;
  await connection.close();
  return dropped;
}

it('a consumer that is gone and cannot be made anew at first costs no fan a tick', async () => {
  await stage.publisher.begin();
  const edge = await stage.edgeAtHead();
  const fan = await stage.fanIn(edge);
  await stage.publisher.run(3);
  await stage.caughtUp(fan);
  expect(await dropConsumers()).toBe(1);
  const follow = vi.spyOn(RaceStream.prototype, 'follow').mockRejectedValueOnce(new Error('the cluster has no leader'));
  await stage.publisher.run(5);
  await stage.caughtUp(fan);
  stage.expectTruth(fan);
  expect(follow).toHaveBeenCalledTimes(2);
  expect(edge.stats().races.oval!.problems).toMatchObject({ nats: 1 });
  expect(fan.reader.ticks.map(({ tick }) => tick)).toEqual(ticksFrom(0, 8));
  expect(fan.reader.receipts.map(({ reason }) => reason)).toEqual(['first']);
});

it('a stream that seems to have less than was read is not believed at once, unless it is in another epoch', async () => {
  await stage.publisher.begin();
  const edge = await stage.edgeAtHead();
  const fan = await stage.fanIn(edge);
  await stage.publisher.run(3);
  await stage.caughtUp(fan);
  // As a server may answer that has only just started.
  const range = vi.spyOn(RaceStream.prototype, 'range');
  for (let n = 0; n < 3; n++) range.mockResolvedValueOnce(n === 1 ? undefined : { firstSeq: 1, lastSeq: 2 });
  await until('more looks', () => range.mock.calls.length >= 5);
  await stage.publisher.run(2);
  await stage.caughtUp(fan);
  expect(fan.reader.ticks.map(({ tick }) => tick)).toEqual(ticksFrom(0, 5));
  expect(fan.reader.receipts.map(({ reason }) => reason)).toEqual(['first']);
});
