import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { keysOf } from '../../protocol/catalogue.ts';
import { type RaceRig, startRace } from '../testing/race-rig.ts';
import { type ConnectOptions, connect, type Page, type PageEvent, type Race, type TickEvent } from './mod.ts';

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 10_000, interval: 5 });
/** What changed of the document after the newest tick comes with the next one, or after a second without any. */
const hasDocument = (race: Race) =>
  vi.waitFor(() => expect(race.document).toEqual(rig.document), { timeout: 10_000, interval: 5 });

let rig: RaceRig;
const open: Race[] = [];
let differences: string[] = [];

beforeAll(async () => {
  rig = await startRace(11);
  await rig.publish(5);
  await rig.startEdge();
});

afterEach(() => {
  for (const race of open.splice(0)) race.close();
  expect(differences).toEqual([]);
  differences = [];
});

afterAll(() => rig?.stop());

/** A page that a test hides and shows. */
class FakePage implements Page {
  isHidden = false;
  readonly #listeners = new Set<(event: PageEvent) => void>();

  get listeners(): number {
    return this.#listeners.size;
  }

  listen(hear: (event: PageEvent) => void): () => void {
    this.#listeners.add(hear);
    return () => this.#listeners.delete(hear);
  }

  tell(event: PageEvent): void {
    if (event !== 'awake') this.isHidden = event === 'hidden';
    for (const hear of this.#listeners) hear(event);
  }
}

/** A client whose every tick is compared with what was published, channel by channel of its views. */
function join(options: Partial<ConnectOptions>) {
  const sockets: WebSocket[] = [];
  class Kept extends WebSocket {
    constructor(url: string) {
      super(url);
      sockets.push(this);
    }
  }
  const race = connect({
    ...{ url: rig.edges[0]!.url, race: 'demo', watch: [{ car: '24', view: 'own' }], channels: ['speed', 'rpm'] },
    ...{ WebSocket: Kept as unknown as typeof WebSocket, random: () => 0 },
    ...options,
  });
  open.push(race);
  const ticks: TickEvent[] = [];
  const errors: Error[] = [];
  race.on('error', (error) => errors.push(error));
  race.on('tick', (tick) => {
    ticks.push(tick);
    for (const view of race.cars()) {
      for (const { key } of view.channels()) {
        const index = rig.catalogue.indexOf(key)!;
        if (race.state(view.car)![index] !== rig.oracle(tick.tick, view.car)![index])
          differences.push(`tick ${tick.tick}, car ${view.car}: ${key}`);
      }
    }
  });
  return { race, ticks, errors, sockets };
}

const isCurrent = (race: Race) => () => race.cars().length > 0 && race.cars()[0]!.tick === rig.tick;
const keysIn = (race: Race, car: string) => Object.keys(race.car(car)?.values() ?? {}).sort();

describe('channels of one’s own', () => {
  it('come and no others, change in place, and go on after a loss', async () => {
    const { race, ticks, errors, sockets } = join({ random: () => 0.3 });
    await until(isCurrent(race));
    expect([race.car('24')!.view, keysIn(race, '24')]).toEqual(['own', ['rpm', 'speed']]);
    expect(race.car('24')!.channel('gear')).toBeUndefined();
    await rig.publish(3);
    await until(isCurrent(race));
    race.watch([...race.choice, { car: '9', view: 'tires' }], ['gear', 'speed', 'throttle']);
    await new Promise((resolve) => race.on('watching', resolve));
    await rig.publish(2);
    await until(isCurrent(race));
    expect(keysIn(race, '24')).toEqual(['gear', 'speed', 'throttle']);
    sockets[0]!.close();
    await until(() => race.status.phase === 'waiting');
    await rig.publish(4);
    await until(isCurrent(race));
    const listed = new URL(sockets[1]!.url).searchParams.get('channels')!;
    expect(listed.split(',').sort()).toEqual(['gear', 'speed', 'throttle']);
    expect(race.statistics().receipts).toMatchObject({ composite: { count: 1, ticks: 4 }, snapshot: { count: 1 } });
    race.watch([{ car: '24', view: 'own' }]);
    await rig.publish(2);
    await until(() => isCurrent(race)() && race.cars().length === 1);
    expect([race.channels, keysIn(race, '24')]).toEqual([
      ['gear', 'speed', 'throttle'],
      ['gear', 'speed', 'throttle'],
    ]);
    expect(
      ticks.some(({ changes }) => changes.some(({ channels }) => channels.some(({ key }) => key === 'gear'))),
    ).toBe(true);
    expect(errors).toEqual([]);
  });

  it('are taken back when the edge does not know them', async () => {
    const { race, errors } = join({});
    await until(isCurrent(race));
    race.watch(race.choice, ['speed', 'boost']);
    await until(() => errors.length > 0);
    expect(errors[0]).toMatchObject({ code: 'bad_watch', message: expect.stringContaining('"boost"') });
    expect(race.channels).toEqual(['speed', 'rpm']);
    expect(() => race.watch([{ car: '24', view: 'own' }], [])).toThrow('at least one channel key');
  });

  it('may be too many for an address', async () => {
    const channels = keysOf(rig.catalogue, rig.catalogue.views[0]!);
    const { race, sockets } = join({ channels, rate: 0.5 });
    await until(isCurrent(race));
    expect(new URL(sockets[0]!.url).search).toBe('');
    expect(keysIn(race, '24')).toHaveLength(channels.length);
  });
});

describe('fewer ticks', () => {
  const rateOf = (socket: WebSocket) => new URL(socket.url).searchParams.get('rate');

  it('hold the same, with what changed between, and all of it at once when more are asked for', async () => {
    const { race, ticks, errors } = join({ rate: 0.2 });
    await until(isCurrent(race));
    for (let n = 0; n < 25; n++) await rig.publish();
    await until(() => race.position!.seq > 0 && ticks.at(-1)!.tick > rig.tick - 10);
    expect(ticks.length).toBeLessThan(12);
    let hasTaken = false;
    race.on('rate', () => {
      hasTaken = true;
    });
    race.setRate(2);
    // It may be current by chance: the edge must have heard of the rate before the next tick.
    await until(() => hasTaken && isCurrent(race)());
    await new Promise((resolve) => setImmediate(resolve));
    const from = ticks.length;
    await rig.publish(3);
    await until(isCurrent(race));
    expect(ticks.slice(from).map(({ span }) => span)).toEqual([1, 1, 1]);
    expect(race.statistics()).toMatchObject({ conflated: 0, gaps: 0, digestMismatches: 0, malformed: 0 });
    await hasDocument(race);
    expect(errors).toEqual([]);
  });

  it('are what a page out of sight gets, until it is seen again', async () => {
    const page = new FakePage();
    const { race, ticks, sockets } = join({ page });
    const taken: number[] = [];
    race.on('rate', ({ rate }) => taken.push(rate));
    await until(isCurrent(race));
    page.tell('hidden');
    await until(() => taken.length === 1);
    const from = ticks.length;
    for (let n = 0; n < 12; n++) await rig.publish();
    await until(() => ticks.at(-1)!.tick > rig.tick - 10);
    expect(ticks.length - from).toBeLessThan(6);
    sockets[0]!.close();
    await until(() => sockets.length === 2 && race.status.phase === 'live');
    expect([rateOf(sockets[0]!), rateOf(sockets[1]!)]).toEqual([null, '0.2']);
    await rig.publish(2);
    page.tell('shown');
    await until(isCurrent(race));
    await until(() => taken.length === 2);
    expect([taken, race.rate]).toEqual([[0.2, 2], 2]);
    race.close();
    expect(page.listeners).toBe(0);
  });

  it('are not asked for by a page that was told not to, or that begins in sight again', async () => {
    const page = new FakePage();
    page.isHidden = true;
    const [quiet, loud] = [join({ page }), join({ page, hiddenRate: false })];
    await until(() => quiet.sockets.length + loud.sockets.length === 2);
    expect([quiet, loud].map(({ sockets }) => rateOf(sockets[0]!))).toEqual(['0.2', null]);
    page.tell('shown');
    await until(() => isCurrent(quiet.race)() && isCurrent(loud.race)());
    await rig.publish(4);
    await until(() => isCurrent(quiet.race)() && isCurrent(loud.race)());
  });
});
