import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Edge } from '../../fanout/edge.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import { type ConnectOptions, openSession, type RaceEvents, type Receipt, type Transport } from '../client/mod.ts';
import { type CheckedFan, joinChecked } from './checked-fan.ts';
import { type RaceRig, startRace } from './race-rig.ts';

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 20_000, interval: 5 });

/** A client on one transport, with all that it was told. */
interface Member extends CheckedFan {
  readonly receipts: Receipt[];
  readonly watchings: RaceEvents['watching'][];
  readonly rates: RaceEvents['rate'][];
}

/** What a receipt says that does not depend on the clock. */
const plain = ({ kind, ticks, reason }: Receipt) => ({ kind, ticks, ...(reason && { reason }) });

/** Fans, and requests that wait for the next tick. */
const clientsAt = (edge: Edge): number =>
  Object.values(edge.stats().races).reduce((sum, { fans, polls }) => sum + fans + polls.waiting, 0);

/** Runs the tests that every transport must pass: real edges, and a proxy between them and the client. */
export function describeTransport(transport: Transport): void {
  describe(`over ${transport}`, () => {
    let rig: RaceRig;
    let wire: FaultProxy;
    const members: Member[] = [];
    beforeAll(async () => {
      rig = await startRace(21);
      await rig.publish(5);
      await rig.startEdge({ limits: { quietMs: 300, pollHoldMs: 300 } });
      wire = await startFaultProxy(rig.edges[0]!.url);
    });
    afterEach(() => {
      for (const { race } of members) race.close();
      for (const { differences, race } of members.splice(0)) {
        expect(differences).toEqual([]);
        expect(race.statistics()).toMatchObject({ transport, gaps: 0, digestMismatches: 0, malformed: 0 });
      }
      wire.mend();
    });
    afterAll(async () => {
      await wire?.stop();
      await rig?.stop();
    });

    function join(options: Partial<ConnectOptions> = {}): Member {
      const fan = joinChecked(rig, { url: wire.url, transports: [transport], random: () => 0.05, ...options });
      const member = Object.assign(fan, { receipts: [] as Receipt[], watchings: [], rates: [] } as Pick<
        Member,
        'receipts' | 'watchings' | 'rates'
      >);
      fan.race.on('receipt', (receipt) => member.receipts.push(receipt));
      fan.race.on('watching', (watching) => member.watchings.push(watching));
      fan.race.on('rate', (rate) => member.rates.push(rate));
      members.push(member);
      return member;
    }

    async function joined(options?: Partial<ConnectOptions>): Promise<Member> {
      const member = join(options);
      await until(() => member.isCurrent && member.race.status.phase === 'live');
      return member;
    }

    /** It gets the next ticks, and has missed none since it first had one. */
    async function expectWhole(member: Member): Promise<void> {
      await rig.publish(2);
      await until(() => member.isCurrent && member.race.status.phase === 'live');
      expect(member.missed()).toEqual([]);
      await until(() => JSON.stringify(member.race.document) === JSON.stringify(rig.document));
    }

    /** Ticks that the client does not see, because its connection broke. */
    async function away(member: Member, ticks: number): Promise<void> {
      wire.refuse();
      wire.reset();
      await until(() => member.race.status.phase !== 'live');
      await rig.publish(ticks);
      wire.mend();
      await until(() => member.isCurrent && member.race.status.phase === 'live');
    }

    it('begins with a snapshot and brings every tick once, in order, as it was published', async () => {
      const member = await joined({ watch: [{ car: '24' }, { car: '9', view: 'essentials' }] });
      for (let n = 0; n < 25; n++) await rig.publish(1);
      await expectWhole(member);
      expect(member.receipts.map(plain)).toEqual([{ kind: 'snapshot', ticks: 0, reason: 'first' }]);
      expect(member.ticks.slice(1).every(({ span, repaired }) => span === 1 && !repaired)).toBe(true);
      expect(member.phases).toEqual(['joining', 'live']);
    });

    it.each([
      ['all', 'deltas', 1],
      ['latest', 'composite', 7],
    ] as const)('comes back with history %s and gets %s', async (history, kind, span) => {
      const member = await joined({ history });
      const { length } = member.ticks;
      await away(member, 7);
      expect(member.receipts.slice(1).map(plain)).toEqual([{ kind, ticks: 7 }]);
      expect(member.receipts[1]!.bytes).toBeGreaterThan(0);
      expect(member.ticks.slice(length).map((tick) => tick.span)).toEqual(Array(7 / span).fill(span));
      await rig.publish(1);
      await until(() => member.isCurrent);
    });

    it('comes back after nothing was missed, and is told so', async () => {
      const member = await joined();
      await away(member, 0);
      expect(member.receipts.slice(1).map(plain)).toEqual([{ kind: 'deltas', ticks: 0 }]);
      await expectWhole(member);
    });

    it('changes the choice in place: kept cars go on without a break, new ones come whole, others go', async () => {
      const member = await joined({ watch: [{ car: '24' }, { car: '48' }] });
      member.race.watch([{ car: '24' }, { car: '9', view: 'own' }], ['rpm', 'speed']);
      await until(() => member.watchings.length === 1);
      expect(member.watchings[0]!.watch).toEqual([
        { car: '24', view: 'full' },
        { car: '9', view: 'own' },
      ]);
      expect(member.race.car('48')).toBeUndefined();
      await rig.publish(3);
      await until(() => member.isCurrent);
      expect(member.race.cars().map(({ car }) => car)).toEqual(['24', '9']);
      const speed = rig.catalogue.channels.findIndex(({ key }) => key === 'speed');
      expect(member.race.state('9')![speed]).toBe(rig.oracle(rig.tick, '9')![speed]);
      await expectWhole(member);
    });

    it('goes on with kept cars and gets the new ones whole when the choice changed while it was away', async () => {
      const member = await joined({ watch: [{ car: '24' }] });
      wire.refuse();
      wire.reset();
      await until(() => member.race.status.phase !== 'live');
      member.race.watch([{ car: '24' }, { car: '07' }]);
      member.race.setRate(1);
      await rig.publish(3);
      wire.mend();
      await until(() => member.watchings.length === 1 && member.rates.length === 1);
      member.race.setRate(2);
      await until(() => member.rates.length === 2);
      await rig.publish(2);
      await until(() => member.race.cars().length === 2 && member.isCurrent);
      expect(member.receipts.slice(1, 2).map(plain)).toEqual([{ kind: 'deltas', ticks: 3 }]);
    });

    it('keeps the last choice that was taken when the next one is refused', async () => {
      const member = await joined();
      member.race.watch([{ car: '24', view: 'wings' }]);
      await until(() => member.errors.length > 0);
      expect(member.errors).toMatchObject([{ code: 'bad_watch' }]);
      expect(member.race.choice).toEqual([{ car: '24', view: 'full' }]);
      await expectWhole(member);
    });

    it('gets fewer frames when it asks for fewer, each with all that changed, and all again at once', async () => {
      const member = await joined();
      member.race.setRate(1);
      await until(() => member.rates.length === 1);
      const from = member.ticks.length;
      await rig.publish(8);
      await until(() => member.ticks.slice(from).filter(({ span }) => span === 2).length >= 3);
      member.race.setRate(2);
      await until(() => member.rates.length === 2 && member.isCurrent);
      expect(member.rates.map(({ rate }) => rate)).toEqual([1, 2]);
      const before = member.ticks.length;
      await rig.publish(3);
      await until(() => member.isCurrent);
      expect(member.ticks.slice(before).map(({ span }) => span)).toEqual([1, 1, 1]);
    });

    it('takes a fresh snapshot when it is asked to', async () => {
      const member = await joined();
      member.race.resync();
      await until(() => member.ticks.at(-1)!.snapshot && member.ticks.length === 2);
      expect(member.receipts.at(-1)).toMatchObject({ kind: 'snapshot' });
      await until(() => member.race.status.phase === 'live');
      await rig.publish(2);
      await until(() => member.isCurrent);
    });

    it('shows a newly chosen car although the race stands still', async () => {
      const member = await joined();
      member.race.watch([{ car: '24' }, { car: '48' }]);
      await until(() => member.race.car('48') !== undefined);
      expect(member.race.car('48')!.tick).toBe(rig.tick);
      expect(member.receipts.map(plain).at(-1)).toEqual({ kind: 'snapshot', ticks: 0, reason: 'resync' });
    });

    it('stays in a race that stands still, and hears that the edge is there', async () => {
      const member = await joined({ deadlines: { silenceMs: 2500 } });
      await new Promise((resolve) => setTimeout(resolve, 3200));
      expect(member.phases).toEqual(['joining', 'live']);
      await expectWhole(member);
    });

    it('finds out that a living connection lives, and leaves a dead one, and misses nothing', async () => {
      const member = await joined({ deadlines: { probeMs: 1000, connectMs: 1000 } });
      member.race.probe();
      await expectWhole(member);
      wire.cut();
      await rig.publish(3);
      member.race.probe();
      await expectWhole(member);
    });

    it('goes to another edge when its own leaves, at its moment, and misses nothing', async () => {
      const leaving = await rig.startEdge();
      const [other] = rig.edges as [Edge];
      // With this chance it begins with the second address.
      const member = await joined({ url: [other.url, leaving.url], random: () => 0.6 });
      await until(() => clientsAt(leaving) === 1);
      const before = clientsAt(other);
      void leaving.drain({ leadMs: 0, maxWindowMs: 500 });
      const running = rig.run(30);
      await until(() => clientsAt(other) > before && member.race.status.phase === 'live');
      await running.stop();
      await expectWhole(member);
      // A request that waits is sent away without a word: the next one goes elsewhere, with the same position.
      expect(member.phases.includes('leaving')).toBe(transport !== 'poll');
      await leaving.stop();
    });

    it('is told of another epoch, and goes on with a snapshot of it', async () => {
      const member = await joined();
      rig.beginAnew();
      await rig.publish(3);
      await until(() => member.isCurrent && member.receipts.length > 1);
      expect(member.receipts.slice(1).map(plain)).toEqual([{ kind: 'snapshot', ticks: 0, reason: 'other_epoch' }]);
      await rig.publish(2);
      await until(() => member.isCurrent);
    });

    it.each([
      ['a race that there is not', { race: 'nowhere' }, 'unknown_race'],
      ['a view that there is not', { watch: [{ car: '24', view: 'wings' }] }, 'bad_message'],
    ])('does not come back when it asks for %s', async (_, options, code) => {
      const member = join(options);
      await until(() => member.race.status.phase === 'closed');
      expect(member.errors.at(-1)).toMatchObject({ code });
    });

    it('takes a choice that is too long for an address', async () => {
      const many = Array.from({ length: 200 }, (_, n) => ({ car: `car-${n}`, view: 'essentials' }));
      const member = await joined({ watch: [{ car: '24' }, ...many] });
      member.race.watch([{ car: '24' }, { car: '9' }, ...many]);
      await until(() => member.watchings.length === 1);
      await rig.publish(2);
      await until(() => member.race.cars().length === 2 && member.isCurrent);
      await expectWhole(member);
    });

    it('belongs to a session, and opens no other link for that', async () => {
      const session = openSession({ url: rig.edges[0]!.url });
      try {
        const member = await joined({ session, watch: [{ car: '9' }] });
        await until(() => session.status === 'new' || session.status === 'saved');
        await expectWhole(member);
        session.choose('demo', [{ car: '24', view: 'full' }]);
        await until(() => member.watchings.length === 1);
        await expectWhole(member);
        await until(() => session.status === 'saved');
        // The choice may take another one.
        expect(member.race.statistics().reconnects).toBeLessThanOrEqual(1);
      } finally {
        session.close();
      }
    });

    it('leaves nothing at the edge when it is closed', async () => {
      const edge = await rig.startEdge();
      const member = await joined({ url: edge.url });
      await until(() => clientsAt(edge) === 1);
      member.race.close();
      await until(() => clientsAt(edge) === 0);
      await edge.stop();
    });
  });
}
