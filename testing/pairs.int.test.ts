import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { Sandbox, until } from '../cli/testing/program.ts';
import { readStreamHead } from '../protocol/tick-message.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type PairMember, startMember } from './ingest-pair.ts';
import { startNatsServer, type TestNatsServer } from './nats-server.ts';
import { decodeRace, type ReadEpoch, readStream } from './race-check.ts';
import { RAW_CATALOGUE, type RawCars, startRawCars } from './raw-cars.ts';

const RACE = 'pair';
const TICK_MS = 500;

let nats: TestNatsServer;
let connection: NatsConnection;
let stream: RaceStream;
let cars: RawCars;
let box: Sandbox;
let wire: FaultProxy;
beforeAll(async () => {
  nats = await startNatsServer();
  connection = await connectNats({ servers: [nats.url], name: 'test' });
  stream = await RaceStream.open(connection, RACE);
  cars = await startRawCars([nats.url], RACE);
  wire = await startFaultProxy(nats.url);
  box = new Sandbox();
});
afterAll(async () => {
  await box?.remove();
  await wire?.stop();
  await cars?.stop();
  await connection?.close();
  await nats?.stop();
});

const newest = async () => {
  const message = await stream.last(stream.subjects.tick);
  return message ? readStreamHead(message.data).tick : -1;
};
const moreTicks = async (count: number) => {
  const from = await newest();
  await until(`tick ${from + count}`, async () => (await newest()) >= from + count, 30_000);
  return from;
};
const isOnAir = (member: PairMember, takeOvers: number) =>
  until(`take-over ${takeOvers}`, () => member.takeOvers === takeOvers, 30_000);
const standsBy = (member: PairMember, standBys: number) =>
  until(`standing by ${standBys}`, () => member.standBys === standBys, 60_000);

/** Everything that was published, by the strict reader: a tick number that is forked, doubled or lost throws. */
async function readRace(): Promise<ReadEpoch> {
  const [epoch, ...others] = decodeRace(await readStream(stream));
  expect(others).toEqual([]);
  expect(epoch!.ticks.map(({ tick }) => tick)).toEqual(epoch!.ticks.map((_, index) => index));
  return epoch!;
}

/** What the last sample of car 0 in a tick says. */
const valueIn = ({ field }: ReadEpoch['ticks'][number], key: string) =>
  field.states[field.cars.indexOf('0')]![RAW_CATALOGUE.indexOf(key)!]!;

/** Turns of the race clock between `first` and the end that no tick has. */
const holesAfter = ({ ticks }: ReadEpoch, first: number) =>
  ticks
    .slice(first + 1)
    .reduce((sum, { closeAtMs }, n) => sum + (closeAtMs - ticks[first + n]!.closeAtMs) / TICK_MS - 1, 0);

describe('two ingests of one race', { timeout: 120_000 }, () => {
  it('that start at once, are stopped, killed, frozen and cut off: no tick is forked, doubled or lost, and every turn has one', async () => {
    const direct = startMember(box, RACE, nats.url);
    const wired = startMember(box, RACE, `127.0.0.1:${wire.port}`);
    await until(
      'one on the air, one standing by',
      () => direct.takeOvers + wired.takeOvers === 1 && direct.standBys + wired.standBys === 1,
    );
    const [first, second] = direct.takeOvers === 1 ? [direct, wired] : [wired, direct];
    await moreTicks(2);

    // Stopped in good order: the other one goes on at once.
    first.run.child.kill('SIGTERM');
    expect(await first.run.end()).toEqual({ code: 0, signal: null });
    await isOnAir(second, 1);
    const handedOverAt = await moreTicks(2);

    // Killed, and in the time that is nobody's a gear is changed and a flag falls, each told once.
    const third = startMember(box, RACE, nats.url);
    await standsBy(third, 1);
    await moreTicks(1);
    second.run.child.kill('SIGKILL');
    await second.run.end();
    const killedAt = await newest();
    cars.shift(7);
    cars.say({ flag: 'yellow' });
    await isOnAir(third, 1);
    await moreTicks(2);

    // Frozen: when it wakes it finds that it was overtaken, and stands by.
    const fourth = startMember(box, RACE, `127.0.0.1:${wire.port}`);
    await standsBy(fourth, 1);
    await moreTicks(1);
    third.run.child.kill('SIGSTOP');
    await isOnAir(fourth, 1);
    const tookOverAt = await moreTicks(2);
    third.run.child.kill('SIGCONT');
    await standsBy(third, 2);
    expect(third.run.stderr()).toContain('standing by again');

    // Cut off without a word: what it goes on to close is refused when it is back.
    wire.cut();
    wire.swallow();
    await isOnAir(third, 2);
    await moreTicks(1);
    wire.reset();
    wire.mend();
    await standsBy(fourth, 2);
    await moreTicks(2);
    fourth.run.child.kill('SIGTERM');
    await fourth.run.end();
    third.run.child.kill('SIGTERM');
    await third.run.end();

    const race = await readRace();
    for (const member of [first, third, fourth]) expect(member.run.stderr()).not.toMatch(/"level":50/);
    // A turn without a tick is one that a process on the air slept through, and it says so.
    const survivors = [third, fourth].map((member) => member.counts());
    expect(holesAfter(race, killedAt)).toBeLessThanOrEqual(
      survivors.reduce((sum, { skipped_turns }) => sum + skipped_turns!, 0),
    );
    for (const { caught_up_ticks } of survivors) expect(caught_up_ticks).toBeGreaterThan(0);
    // The standby had the values of those ticks, and did not repeat the last ones that were published.
    for (const from of [handedOverAt, killedAt, tookOverAt]) {
      const clocks = race.ticks.slice(from, from + 8).map((tick) => valueIn(tick, 'clock'));
      expect(new Set(clocks).size, `after tick ${from}: ${clocks}`).toBeGreaterThan(clocks.length / 2);
    }
    expect(valueIn(race.ticks.at(-1)!, 'gear')).toBe(7);
    expect(race.document.flag).toBe('yellow');
  });

  it('that both die leave the race to one that comes later', async () => {
    const [a, b] = [startMember(box, RACE, nats.url), startMember(box, RACE, nats.url)];
    await until(
      'one on the air, one standing by',
      () => a.takeOvers + b.takeOvers === 1 && a.standBys + b.standBys === 1,
    );
    await moreTicks(2);
    for (const { run } of [a, b]) run.child.kill('SIGKILL');
    const later = startMember(box, RACE, nats.url);
    await isOnAir(later, 1);
    await moreTicks(2);
    later.run.child.kill('SIGTERM');
    await later.run.end();
    await readRace();
  });
});
