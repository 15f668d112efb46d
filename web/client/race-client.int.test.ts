import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { dequantise } from '../../protocol/quantise.ts';
import { startFaultProxy } from '../../testing/fault-proxy.ts';
import { startEdgeProcess } from '../testing/edge-process.ts';
import { type RaceRig, startRace } from '../testing/race-rig.ts';
import { type ConnectOptions, connect, type Race, type TickEvent } from './mod.ts';

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 10_000, interval: 5 });
/** What changed of the document after the newest tick comes with the next one, or after a second without any. */
const hasDocument = (race: Race) =>
  vi.waitFor(() => expect(race.document).toEqual(rig.document), { timeout: 10_000, interval: 5 });

let rig: RaceRig;
const open: Race[] = [];
/** States that differed from the published ones, in any client of the test. */
let differences: string[] = [];

beforeAll(async () => {
  rig = await startRace(7);
  await rig.publish(5);
  await Promise.all([rig.startEdge(), rig.startEdge()]);
});

afterEach(() => {
  for (const race of open.splice(0)) race.close();
  expect(differences).toEqual([]);
  differences = [];
});

afterAll(() => rig?.stop());

/** A client whose every tick is compared with what was published. */
function join(options: Partial<ConnectOptions> = {}) {
  const race = connect({ url: rig.edges[0]!.url, race: 'demo', watch: [{ car: '24' }], ...options });
  open.push(race);
  const ticks: TickEvent[] = [];
  const errors: Error[] = [];
  race.on('error', (error) => errors.push(error));
  race.on('tick', (tick) => {
    ticks.push(tick);
    for (const { car } of race.cars()) differences.push(...compare(race, car, tick.tick));
  });
  return { race, ticks, errors };
}

function compare(race: Race, car: string, tick: number): string[] {
  const view = rig.catalogue.viewOf(race.car(car)!.view)!;
  const published = rig.oracle(tick, car)!;
  const held = race.state(car)!;
  const wrong = Array.from(view.channels).filter((index) => held[index] !== published[index]);
  return wrong.map((index) => `tick ${tick}, car ${car}: ${rig.catalogue.channels[index]!.key}`);
}

const isCurrent = (race: Race) => () => race.cars().length > 0 && race.cars()[0]!.tick === rig.tick;

/** A socket class whose sockets a test can cut, and whose frames it can alter on the way in. */
function meddle(alter: (bytes: Uint8Array) => void = () => {}) {
  const sockets: WebSocket[] = [];
  class Meddled extends WebSocket {
    constructor(url: string) {
      super(url);
      sockets.push(this);
      this.addEventListener('message', ({ data }) => data instanceof ArrayBuffer && alter(new Uint8Array(data)));
    }
  }
  return { Socket: Meddled as unknown as typeof WebSocket, sockets };
}

it('holds what was published, tick for tick, with units', async () => {
  const { race, ticks, errors } = join({ watch: [{ car: '24', view: 'essentials' }, { car: '9' }] });
  await until(isCurrent(race));
  const from = rig.tick;
  for (let i = 0; i < 25; i++) {
    await rig.publish();
    await until(isCurrent(race));
  }
  expect(ticks.map(({ tick }) => tick).filter((tick) => tick > from)).toEqual(
    Array.from({ length: 25 }, (_, i) => from + 1 + i),
  );
  const speed = rig.catalogue.channels[rig.catalogue.indexOf('speed')!]!;
  const steps = rig.oracle(rig.tick, '24')![rig.catalogue.indexOf('speed')!]!;
  expect(race.car('24')!.channel('speed')).toMatchObject({ unit: 'km/h', value: dequantise(speed, steps) });
  expect(race.car('24')!.channel('oil_temp')).toBeUndefined();
  expect(race.car('24')!.value('oil_temp')).toBeNull();
  expect(Object.keys(race.car('9')!.values())).toHaveLength(rig.catalogue.channels.length);
  await hasDocument(race);
  const changed = ticks.at(-1)!.changes.find(({ car }) => car === '24')!;
  expect(changed.channels.length).toBeGreaterThan(0);
  for (const { key, after } of changed.channels) expect(race.car('24')!.value(key)).toBe(after);
  expect(race.statistics()).toMatchObject({ gaps: 0, digestMismatches: 0, malformed: 0, reconnects: 0 });
  expect(errors).toEqual([]);
});

it('changes the choice in place: kept cars go on without a break, new ones come whole, others go', async () => {
  const { race, ticks } = join();
  await until(isCurrent(race));
  race.watch([{ car: '24' }, { car: '48', view: 'tires' }]);
  await rig.publish(2);
  await until(() => race.car('48') !== undefined && isCurrent(race)());
  expect(race.cars().map(({ car, view }) => `${car}:${view}`)).toEqual(['24:full', '48:tires']);
  race.unwatch('24');
  expect(race.car('24')).toBeUndefined();
  await rig.publish(2);
  await until(isCurrent(race));
  expect(race.cars().map(({ car }) => car)).toEqual(['48']);
  expect(ticks.slice(1).every(({ span }) => span === 1)).toBe(true);
  expect(race.statistics()).toMatchObject({ gaps: 0, malformed: 0, ignored: 0 });
});

it('shows a newly chosen car although the race stands still', async () => {
  const { race } = join();
  await until(isCurrent(race));
  race.watch([{ car: '24' }, { car: '48' }]);
  await until(() => race.car('48')?.tick === rig.tick);
  expect(race.car('24')?.tick).toBe(rig.tick);
});

it('stays live in a race that stands still when nothing was missed', async () => {
  const { Socket, sockets } = meddle();
  const { race, ticks } = join({ WebSocket: Socket, random: () => 0 });
  await until(isCurrent(race));
  sockets[0]!.close();
  await until(() => sockets.length === 2 && race.status.phase === 'live');
  expect(race.statistics().receipts.deltas).toMatchObject({ count: 1, ticks: 0, bytes: 0 });
  expect(ticks).toHaveLength(1);
});

it('sends only the last of many choices made in a moment', async () => {
  const { race, errors } = join();
  await until(isCurrent(race));
  for (let i = 0; i < 60; i++) race.watch([{ car: i % 2 ? '9' : '48' }]);
  await until(() => race.choice[0]!.car === '9');
  await rig.publish(1);
  await new Promise((resolve) => race.on('watching', ({ watch }) => watch[0]!.car === '9' && resolve(0)));
  await rig.publish(1);
  await until(() => race.car('9')?.tick === rig.tick);
  expect(race.status.phase).toBe('live');
  expect(errors).toEqual([]);
});

it('takes back a choice that the edge refuses', async () => {
  const { race, errors } = join();
  await until(isCurrent(race));
  race.watch([{ car: '24', view: 'no_such_view' }]);
  await until(() => errors.length > 0);
  expect(errors[0]).toMatchObject({ code: 'bad_watch' });
  expect(race.choice).toEqual([{ car: '24', view: 'full' }]);
  expect(() => race.watch([{ car: 'no such car' }])).toThrow('A car id is');
});

it.each([
  ['all', 'deltas', 14],
  ['latest', 'composite', 1],
] as const)('comes back with history %s and gets %s', async (history, kind, frames) => {
  const { Socket, sockets } = meddle();
  // Late in its window, so that on a slow machine too it misses all that is published.
  const { race, ticks, errors } = join({ history, WebSocket: Socket, random: () => 0.95 });
  await until(isCurrent(race));
  const from = rig.tick;
  sockets[0]!.close();
  await until(() => race.status.phase === 'waiting');
  await rig.publish(14);
  await until(isCurrent(race));
  const missed = ticks.filter(({ tick }) => tick > from);
  expect(missed).toHaveLength(frames);
  expect(missed.every(({ repaired, snapshot }) => repaired && !snapshot)).toBe(true);
  expect(missed.reduce((sum, { span }) => sum + span, 0)).toBe(14);
  expect(race.statistics()).toMatchObject({ reconnects: 1, gaps: 0, receipts: { [kind]: { count: 1, ticks: 14 } } });
  await hasDocument(race);
  expect(errors).toEqual([]);
});

it('goes on with kept cars and gets the new ones whole when the choice changed while it was away', async () => {
  const { Socket, sockets } = meddle();
  const { race, ticks } = join({
    history: 'all',
    random: () => 0.5,
    WebSocket: Socket,
    watch: [{ car: '24' }, { car: '9' }],
  });
  await until(isCurrent(race));
  const from = rig.tick;
  sockets[0]!.close();
  await until(() => race.status.phase === 'waiting');
  race.watch([{ car: '24' }, { car: '07' }]);
  await rig.publish(3);
  await until(() => race.status.phase === 'live');
  expect(sockets[1]!.url).toContain('watch=9:full,24:full');
  await rig.publish(1);
  await until(() => race.car('07')?.tick === rig.tick);
  expect(ticks.filter(({ tick }) => tick > from).map(({ tick }) => tick)).toEqual([1, 2, 3, 4].map((n) => from + n));
  expect(race.cars().map(({ car }) => car)).toEqual(['24', '07']);
  expect(race.statistics()).toMatchObject({ gaps: 0, malformed: 0, ignored: 0, receipts: { deltas: { ticks: 3 } } });
});

it('goes to the other edge when one dies, and misses nothing', async () => {
  const doomed = await rig.startEdge();
  const urls = [doomed.url, rig.edges[1]!.url];
  const { race, ticks } = join({ url: urls, history: 'all', random: () => 0.1 });
  await until(isCurrent(race));
  expect(doomed.stats().fans).toBe(1);
  const from = rig.tick;
  await doomed.stop();
  await rig.publish(6);
  await until(isCurrent(race));
  expect(ticks.filter(({ tick }) => tick > from).map(({ tick }) => tick)).toEqual(
    [1, 2, 3, 4, 5, 6].map((n) => from + n),
  );
  expect(race.statistics()).toMatchObject({ reconnects: 1, gaps: 0 });
});

it.each([
  ['SIGKILL', 'comes back on another edge when its own is killed', {}],
  ['SIGSTOP', 'gives up a connection that has gone silent', { silenceMs: 400 }],
] as const)('%s: %s, and misses nothing', async (signal, _, deadlines) => {
  const doomed = await startEdgeProcess(rig.natsUrl);
  try {
    const options = { url: [doomed.url, rig.edges[1]!.url], random: () => 0.1, deadlines };
    const { race, ticks } = join({ ...options, history: 'all' });
    await until(isCurrent(race));
    const from = rig.tick;
    doomed.signal(signal);
    await rig.publish(6);
    await until(isCurrent(race));
    expect(ticks.filter(({ tick }) => tick > from).map(({ tick }) => tick)).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => from + n),
    );
    expect(race.statistics()).toMatchObject({ reconnects: 1, gaps: 0 });
  } finally {
    await doomed.stop();
  }
});

it('misses no tick and gets none twice, however often the wire is cut', async () => {
  const wire = await startFaultProxy(rig.edges[0]!.url);
  try {
    const { race, ticks } = join({
      url: wire.url,
      history: 'all',
      watch: [{ car: '24' }, { car: '9', view: 'tires' }],
    });
    await until(isCurrent(race));
    const from = rig.tick;
    const running = rig.run(10);
    for (let cuts = 1; cuts <= 8; cuts++) {
      wire.refuse();
      wire.reset();
      await until(() => race.status.phase === 'waiting' || race.status.phase === 'connecting');
      wire.mend();
      await until(() => race.statistics().reconnects >= cuts && race.status.phase === 'live');
    }
    await running.stop();
    await until(isCurrent(race));
    const expected = Array.from({ length: rig.tick - from }, (_, i) => from + 1 + i);
    expect(ticks.map(({ tick }) => tick).filter((tick) => tick > from)).toEqual(expected);
    expect(race.statistics()).toMatchObject({ gaps: 0, digestMismatches: 0, malformed: 0 });
    await hasDocument(race);
  } finally {
    await wire.stop();
  }
});

it('asks after the edge, and does not leave it, when the machine itself has slept', async () => {
  const edge = await startEdgeProcess(rig.natsUrl);
  try {
    const { race } = join({ url: edge.url, deadlines: { silenceMs: 600 } });
    const phases: string[] = [];
    await until(isCurrent(race));
    // Longer than the silence and two seconds, which is called sleep; fresh, and shorter than the three seconds after which the edge
    // says that the race stands still.
    await rig.publish(1);
    await until(isCurrent(race));
    race.on('status', ({ phase }) => phases.push(phase));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2800);
    await until(() => phases.length >= 2);
    expect(phases.slice(0, 2)).toEqual(['probing', 'live']);
  } finally {
    await edge.stop();
  }
});

it('finds out with a probe that a connection is dead, and comes back at once', async () => {
  const doomed = await startEdgeProcess(rig.natsUrl);
  try {
    const options = { url: [doomed.url, rig.edges[1]!.url], random: () => 0.1, deadlines: { probeMs: 200 } };
    const { race } = join(options);
    await until(isCurrent(race));
    const phases: string[] = [];
    race.on('status', ({ phase }) => phases.push(phase));
    doomed.signal('SIGSTOP');
    race.probe();
    await until(() => phases.includes('joining'));
    expect(phases.slice(0, 3)).toEqual(['probing', 'connecting', 'joining']);
    await until(() => race.status.phase === 'live');
  } finally {
    await doomed.stop();
  }
});

it('notices an altered frame, asks for a snapshot and is whole again', async () => {
  let isArmed = false;
  const { Socket } = meddle((bytes) => {
    if (!isArmed || bytes[0] !== 0x11) return;
    isArmed = false;
    bytes[bytes.length - 1]! ^= 0x55;
    bytes[middleOf(bytes)]! ^= 0x10;
  });
  const { race, ticks, errors } = join({ WebSocket: Socket });
  await until(isCurrent(race));
  isArmed = true;
  // A change that decodes to something is found by the next checksum: every 20 ticks at the latest.
  for (let i = 0; i < 25 && race.statistics().receipts.snapshot.count < 2; i++) {
    await rig.publish();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await until(() => race.statistics().receipts.snapshot.count === 2);
  await until(isCurrent(race));
  const { gaps, digestMismatches, malformed } = race.statistics();
  expect(gaps + digestMismatches + malformed).toBe(1);
  expect(errors).toHaveLength(1);
  expect(ticks.at(-1)!.snapshot || ticks.some(({ snapshot, repaired }) => snapshot && repaired)).toBe(true);
  await hasDocument(race);
});

/** A byte in the middle of the slices. */
const middleOf = (bytes: Uint8Array) => Math.floor((bytes.length + 19) / 2);

it('tells the age of what it holds by both clocks', async () => {
  let nowMs = Date.UTC(2026, 1, 15, 21);
  const { race } = join({ now: () => nowMs });
  expect(race.statistics().age).toEqual({ byRaceTimeMs: undefined, byWallClockMs: undefined });
  await until(isCurrent(race));
  const { closeAtMs } = race.car('24')!;
  nowMs += 4321;
  expect(race.statistics().age).toEqual({ byRaceTimeMs: nowMs - closeAtMs, byWallClockMs: 4321 });
});

it('takes a fresh snapshot when it is asked to, and finds out that a living connection lives', async () => {
  const { race, ticks } = join();
  await until(isCurrent(race));
  race.resync();
  expect(race.status.phase).toBe('repairing');
  await until(() => race.status.phase === 'live');
  expect(ticks.at(-1)!.snapshot).toBe(true);
  race.probe();
  expect(race.status.phase).toBe('probing');
  await until(() => race.status.phase === 'live');
});

it('goes on although a listener throws', async () => {
  const { race, ticks, errors } = join();
  race.on('tick', () => {
    throw new Error('a listener failed');
  });
  await until(isCurrent(race));
  await rig.publish(2);
  await until(isCurrent(race));
  expect(ticks.length).toBe(3);
  expect(race.statistics().listenerErrors).toBe(3);
  expect(errors.map(({ message }) => message)).toEqual(['a listener failed']);
});

it('drops what it holds with the first snapshot of another epoch, connected or not', async () => {
  const { Socket, sockets } = meddle();
  const connected = join();
  const away = join({ WebSocket: Socket });
  await until(() => isCurrent(connected.race)() && isCurrent(away.race)());
  const before = connected.race.position!;
  sockets[0]!.close();
  await until(() => away.race.status.phase === 'waiting');
  rig.beginAnew();
  await rig.publish(3);
  for (const { race, ticks } of [connected, away]) {
    await until(() => race.position!.epoch !== before.epoch && isCurrent(race)());
    expect(ticks.find(({ snapshot, tick }) => snapshot && tick < 3)).toBeDefined();
    expect(race.statistics().receipts.snapshot.count).toBe(2);
    await hasDocument(race);
  }
  await rig.publish(2);
  await until(isCurrent(connected.race));
});

it('does not come back when the edge refuses for good', async () => {
  const { race, errors } = join({ watch: [{ car: '24', view: 'no_such_view' }] });
  await until(() => race.status.phase === 'closed');
  expect(errors.map((error) => (error as { code?: string }).code)).toContain('bad_message');
});

it('leaves nothing running after close', async () => {
  const { Socket, sockets } = meddle();
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const { race, ticks } = join({ WebSocket: Socket });
  await until(isCurrent(race));
  const before = ticks.length;
  const running = timers();
  race.close();
  race.close();
  expect(timers()).toBeLessThan(running);
  expect(race.status).toMatchObject({ phase: 'closed', deadlineAtMs: Number.POSITIVE_INFINITY });
  await until(() => sockets[0]!.readyState === WebSocket.CLOSED);
  await rig.publish(1);
  expect(ticks).toHaveLength(before);
  expect(race.car('24')).toBeDefined();
});
