import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import { type RaceRig, startRace } from '../testing/race-rig.ts';
import { connect, type FanSession, openSession, type Race, type SessionOptions, type Transport } from './mod.ts';
import { RaceSession } from './race-session.ts';
import type { SessionClient } from './session-client.ts';

let rig: RaceRig;
const open: { close(): void }[] = [];
const proxies: FaultProxy[] = [];

beforeEach(async () => {
  rig = await startRace(5);
  await rig.publish(3);
  await rig.startEdge();
  await rig.startEdge();
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) one.close();
  for (const proxy of proxies.splice(0)) await proxy.stop();
  await rig.stop();
});

const within = { timeout: 20_000, interval: 10 };
const until = (isTrue: () => unknown) => vi.waitUntil(isTrue, within);
const cars = (race: Race) => race.choice.map(({ car }) => car).join();

function session(edge: number, options: Partial<SessionOptions> = {}): FanSession {
  const opened = openSession({ url: rig.edges[edge]!.url, ...options });
  open.push(opened);
  return opened;
}

function follow(edge: number, opened: FanSession, transports: readonly Transport[] = ['websocket']): Race {
  const { url } = rig.edges[edge]!;
  const race = connect({ url, race: 'demo', watch: [{ car: '9' }], session: opened, transports });
  open.push(race);
  return race;
}

/** A device at an edge, whose connection tells of the session. */
async function device(edge: number, id?: string) {
  const devices = () => rig.edges[edge]!.stats().sessions.devices;
  const before = devices();
  const opened = session(edge, id === undefined ? {} : { id });
  const race = follow(edge, opened);
  await until(() => race.status.phase === 'live' && devices() > before);
  return { session: opened, race };
}

describe('a session on two devices at two edges', () => {
  it('is not followed by a race that chooses its cars by itself', async () => {
    const { url } = rig.edges[0]!;
    const opened = session(0);
    opened.choose('demo', [{ car: '24' }]);
    const watch = [{ car: '9' }, { car: '48', view: 'essentials' }];
    const race = connect({ url, race: 'demo', watch, session: opened, followsSession: false });
    open.push(race);
    await until(() => race.status.phase === 'live' && opened.status === 'saved');
    expect(race.edge).toMatch(new RegExp(`^${hostname()}-[0-9a-f]{6}$`));
    const other = await device(1, opened.id);
    other.session.choose('demo', [{ car: '07' }]);
    await until(() => opened.choiceOf('demo')?.watch[0]?.car === '07');
    expect(cars(race)).toBe('9,48');
  });

  it('shows on one what was set on the other, and the cars follow', async () => {
    const phone = await device(0);
    expect(phone.session.status).toBe('new');
    expect(cars(phone.race)).toBe('9');
    phone.session.choose('demo', [{ car: '24', view: 'essentials' }]);
    expect(cars(phone.race)).toBe('24');
    await until(() => phone.session.status === 'saved');
    const tv = await device(1, phone.session.id);
    await until(() => cars(tv.race) === '24');
    tv.session.setTvDelay(4500);
    tv.session.setFavourites(['24', '48']);
    await until(() => phone.session.tvDelayMs === 4500 && phone.session.favourites.join() === '24,48');
    phone.session.choose('demo', [{ car: '48', view: 'own' }, { car: '07' }], ['speed', 'rpm']);
    await until(() => cars(tv.race) === '48,07' && tv.race.channels?.join() === 'speed,rpm');
    await rig.publish(2);
    await until(() => tv.race.car('48')?.tick === rig.tick && tv.race.car('07'));
    expect(
      tv.race
        .car('48')!
        .channels()
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['rpm', 'speed']);
  });

  it('loses nothing that two devices set at the same time, and both come to hold the same', async () => {
    const [a, b] = [await device(0), await device(1)];
    const c = await device(1, a.session.id);
    b.race.close();
    await until(() => c.session.status !== 'saving');
    for (let n = 0; n < 5; n++) {
      a.session.setTvDelay(1000 + n);
      c.session.setFavourites([`${n}`]);
      a.session.choose('demo', [{ car: '24' }]);
      c.session.choose('other', [{ car: `${n}` }]);
    }
    const view = ({ session: it }: typeof a) => [
      ...[it.tvDelayMs, it.favourites.join(), it.choiceOf('demo')?.watch[0]?.car, it.choiceOf('other')?.watch[0]?.car],
      it.status,
    ];
    const wanted = [1004, '4', '24', '4', 'saved'];
    await until(() => [a, c].every((one) => view(one).join() === wanted.join()));
    expect([a, c].map(view)).toEqual([wanted, wanted]);
  });

  it('goes on at another edge when one is gone, with what was set meanwhile', async () => {
    const urls = rig.edges.map(({ url }) => url);
    const opened = openSession({ url: urls });
    const race = connect({ url: urls, race: 'demo', session: opened });
    open.push(opened, race);
    const devices = () => rig.edges.map((edge) => edge.stats().sessions.devices);
    await until(() => devices().includes(1));
    opened.setTvDelay(1);
    await until(() => opened.status === 'saved');
    const [here, there] = devices()[0] === 1 ? [0, 1] : [1, 0];
    await rig.edges[here]!.stop();
    const other = session(there!, { id: opened.id });
    await until(() => other.tvDelayMs === 1);
    other.setTvDelay(2);
    await until(() => opened.tvDelayMs === 2 && devices()[there!] === 1);
    opened.setFavourites(['24']);
    await until(() => opened.status === 'saved');
  });

  it('is the same over a stream of events, which takes no messages', async () => {
    const phone = await device(0);
    phone.session.choose('demo', [{ car: '24' }]);
    await until(() => phone.session.status === 'saved');
    const tv = session(1, { id: phone.session.id });
    const race = follow(1, tv, ['sse']);
    await until(() => cars(race) === '24');
    await until(() => rig.edges[1]!.stats().sessions.devices === 1);
    for (const car of ['48', '07', '9']) {
      phone.session.choose('demo', [{ car }]);
      await until(() => cars(race) === car);
      await rig.publish();
      await until(() => race.car(car)?.tick === rig.tick);
    }
    tv.setTvDelay(3000);
    await until(() => phone.session.tvDelayMs === 3000);
  });

  it('ends on all of them when one forgets it, and cannot be used again', async () => {
    const a = await device(0);
    a.session.setTvDelay(1);
    await until(() => a.session.status === 'saved');
    const b = await device(1, a.session.id);
    await until(() => b.session.tvDelayMs === 1);
    const told: string[] = [];
    b.session.on('status', (status) => told.push(status));
    await a.session.forget();
    expect(a.session.status).toBe('deleted');
    await until(() => b.session.status === 'deleted');
    expect([b.session.tvDelayMs, told]).toEqual([0, ['deleted']]);
    expect(() => b.session.setTvDelay(2)).toThrow('was deleted');
    const c = session(0, { id: a.session.id });
    await until(() => c.status === 'deleted');
    await rig.publish(2);
    for (const { race } of [a, b])
      await until(() => race.position && race.statistics().ticks > 0 && race.status.phase === 'live');
  });

  it('is made again by a device that holds it when NATS has lost it', async () => {
    const a = await device(0);
    a.session.setTvDelay(7);
    await until(() => a.session.status === 'saved');
    const headers = { Authorization: `Bearer ${a.session.id}` };
    const stored = async () => (await fetch(`${rig.edges[1]!.url}/session`, { headers })).status;
    expect(await stored()).toBe(200);
    await rig.loseData();
    await vi.waitUntil(async () => (await stored()) === 200, within);
    expect(a.session.tvDelayMs).toBe(7);
  });
});

describe('a session', () => {
  it('that nothing was set in asks no edge for anything and is not stored', async () => {
    const opened = session(0);
    opened.close();
    const { asked } = rig.edges[0]!.stats().sessions;
    expect(asked).toBe(0);
  });

  it('is saved when it is closed, with how far it was read', async () => {
    const a = await device(0);
    a.session.setTvDelay(5);
    await until(() => a.session.status === 'saved');
    a.session.setTvDelay(6);
    await rig.publish(2);
    await until(() => a.race.car('9')?.tick === rig.tick);
    a.race.close();
    a.session.close();
    const b = session(1, { id: a.session.id });
    await until(() => b.tvDelayMs === 6);
    await until(() => b.positionOf('demo'));
    expect(b.positionOf('demo')).toEqual(a.race.position);
  });

  it('is saved when the edge can be reached again, at another one if need be', async () => {
    const wire = await startFaultProxy(rig.edges[0]!.url);
    proxies.push(wire);
    const opened = openSession({ url: [wire.url, rig.edges[1]!.url] });
    open.push(opened);
    wire.refuse();
    opened.setTvDelay(5);
    await until(() => opened.status === 'waiting');
    await until(() => opened.status === 'saved');
  });

  it.each([
    ['takes no messages', () => false, () => {}],
    ['never says anything of it', () => true, () => {}],
    ['refuses to tell of it', () => true, (part: RaceSession) => part.refused()],
  ])('hears of changes over whatever kind of connection, also one that %s', async (_, send, next) => {
    const a = session(0);
    a.setTvDelay(1);
    await until(() => a.status === 'saved');
    const b = session(1, { id: a.id }) as SessionClient;
    const acts = { send, choose: () => {}, position: () => undefined };
    const part = new RaceSession(b, { race: 'demo', answerMs: 50, random: Math.random, ...acts });
    open.push(part);
    part.greeted();
    next(part);
    await until(() => b.tvDelayMs === 1);
    await until(() => rig.edges[1]!.stats().sessions.devices === 1);
    for (let n = 2; n < 5; n++) {
      a.setTvDelay(n);
      await until(() => b.tvDelayMs === n);
    }
    b.setFavourites(['24']);
    await until(() => b.status === 'saved');
    await a.forget();
    await until(() => b.status === 'deleted');
    await until(() => rig.edges[1]!.stats().sessions.devices === 0);
  });

  it('is kept by the device that cannot reach anybody, and merged when it can', async () => {
    const map = new Map<string, string>();
    const storage = {
      getItem: (key: string) => map.get(key) ?? null,
      setItem: (key: string, value: string) => void map.set(key, value),
      removeItem: (key: string) => void map.delete(key),
    };
    const a = session(0, { storage });
    a.setTvDelay(1);
    await until(() => a.status === 'saved');
    a.close();
    const offline = openSession({ url: 'http://127.0.0.1:1', storage });
    expect([offline.id, offline.tvDelayMs]).toEqual([a.id, 1]);
    offline.setFavourites(['24']);
    offline.close();
    const other = session(1, { id: a.id });
    await until(() => other.tvDelayMs === 1);
    other.setTvDelay(2);
    await until(() => other.status === 'saved');
    const back = session(0, { storage });
    expect([back.favourites.join(), back.tvDelayMs]).toEqual(['24', 1]);
    await until(() => back.tvDelayMs === 2 && back.status === 'saved');
    const headers = { Authorization: `Bearer ${a.id}` };
    const reply = await (await fetch(`${rig.edges[0]!.url}/session`, { headers })).json();
    expect(reply.session).toMatchObject({ favourites: { value: ['24'] }, tvDelayMs: { value: 2 } });
  });
});
