import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSession, type Session } from '../../protocol/session.ts';
import {
  editCopy,
  emptyCopy,
  hearNothing,
  hearSaved,
  hearStored,
  nextSave,
  type Save,
  type SessionCopy,
  type SessionEdit,
} from './session-copy.ts';

const choose = (...cars: string[]): SessionEdit => ({
  ...{ part: 'choice', race: 'demo' },
  value: { watch: cars.map((car) => ({ car, view: 'full' })) },
});
const carsIn = ({ local }: SessionCopy) => local.races.get('demo')?.choice?.value.watch.map(({ car }) => car);

/** NATS as a device sees it: stores over the revision that is expected, and forgets everything when it is wiped. */
class Store {
  revision = 0;
  session: Session | undefined;
  put({ session, expected }: Save): number | undefined {
    if (expected !== (this.session ? this.revision : 0)) return undefined;
    this.session = session;
    return ++this.revision;
  }
}

/** A device between whose question and answer others may act. */
class Device {
  copy = emptyCopy();
  #save: Save | undefined;
  #revision: number | undefined;
  readonly #store: Store;
  /** Clocks of devices differ. */
  readonly #skewMs: number;

  constructor(store: Store, skewMs: number) {
    this.#store = store;
    this.#skewMs = skewMs;
  }

  edit(edit: SessionEdit, nowMs: number) {
    this.copy = editCopy(this.copy, edit, nowMs + this.#skewMs);
  }

  send() {
    this.#save ??= nextSave(this.copy);
    if (this.#save) this.#revision = this.#store.put(this.#save);
  }

  receive() {
    const [save, revision] = [this.#save, this.#revision];
    this.#save = undefined;
    if (!save) return;
    if (revision !== undefined) this.copy = hearSaved(this.copy, save, revision);
    else this.read();
  }

  read() {
    const { session, revision } = this.#store;
    this.copy = session ? hearStored(this.copy, revision, session, true) : hearNothing(this.copy);
  }

  news(revision: number, session: Session) {
    this.copy = hearStored(this.copy, revision, session, false);
  }

  sync() {
    this.receive();
    for (let n = 0; n < 10 && (n === 0 || nextSave(this.copy)); n++) {
      this.send();
      this.receive();
      this.read();
    }
  }
}

const edits: fc.Arbitrary<SessionEdit> = fc.oneof(
  fc.subarray(['1', '2', '3']).map((cars) => choose(...cars)),
  fc.subarray(['7', '8', '9']).map((value) => ({ part: 'favourites' as const, value })),
  fc.nat(1000).map((value) => ({ part: 'tvDelayMs' as const, value })),
  fc.nat(1000).map((seq) => ({
    ...{ part: 'position' as const, race: 'other' },
    value: { epoch: '0123456789abcdef', seq: seq + 1 },
  })),
);

describe('the copy of a session', () => {
  it('has nothing to save before something is set, then all of it, over what was stored', () => {
    const empty = emptyCopy();
    expect(nextSave(empty)).toBeUndefined();
    const edited = editCopy(empty, choose('24'), 100);
    const save = nextSave(edited)!;
    expect(save).toEqual({ session: edited.local, expected: 0 });
    const saved = hearSaved(edited, save, 7);
    expect(nextSave(saved)).toBeUndefined();
    const more = editCopy(saved, { part: 'tvDelayMs', value: 5 }, 50);
    expect(nextSave(more)).toMatchObject({ expected: 7 });
    expect(more.local.tvDelayMs).toEqual({ value: 5, atMs: 101 });
    expect(nextSave(hearNothing(saved))).toEqual({ session: edited.local, expected: 0 });
  });

  it('is not taken back by news that were overtaken, and is by an answer after NATS has lost its data', () => {
    const old = editCopy(emptyCopy(), choose('24'), 100).local;
    const copy = hearStored(emptyCopy(), 9, old, true);
    const next = editCopy(copy, choose('9'), 200);
    const saved = hearSaved(next, nextSave(next)!, 10);
    expect(hearStored(saved, 9, old, false).stored?.revision).toBe(10);
    expect(carsIn(hearStored(saved, 9, old, false))).toEqual(['9']);
    const lost = hearStored(saved, 2, old, true);
    expect(nextSave(lost)).toMatchObject({ expected: 2 });
    expect(carsIn(lost)).toEqual(['9']);
  });

  it('of all devices is the same in the end, with the last edit that was made in sight of the others', () => {
    const steps = fc.array(
      fc.record({
        who: fc.nat(2),
        act: fc.constantFrom('edit', 'edit', 'send', 'receive', 'read', 'sync', 'news', 'lose'),
        edit: edits,
        afterMs: fc.nat(3),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, fc.tuple(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6)), edits, (list, skews, last) => {
        const store = new Store();
        const devices = skews.map((skewMs) => new Device(store, skewMs));
        const news: [number, Session][] = [];
        let nowMs = 1000;
        for (const { who, act, edit, afterMs } of list) {
          nowMs += afterMs;
          const device = devices[who]!;
          if (act === 'edit') device.edit(edit, nowMs);
          else if (act === 'lose') Object.assign(store, { revision: 0, session: undefined });
          else if (act === 'news') {
            const heard = news.shift();
            if (heard) device.news(...heard);
          } else device[act as 'send' | 'receive' | 'read' | 'sync']();
          if (store.session) news.push([store.revision, store.session]);
        }
        const settle = () => {
          for (let n = 0; n < 4; n++) for (const device of devices) device.sync();
        };
        settle();
        devices[0]!.edit(last, nowMs);
        settle();
        const texts = devices.map(({ copy }) => formatSession(copy.local));
        expect(new Set(texts).size).toBe(1);
        const { local } = devices[1]!.copy;
        const found =
          last.part === 'favourites' || last.part === 'tvDelayMs'
            ? local[last.part]
            : local.races.get(last.race)?.[last.part];
        expect(found?.value).toEqual(last.value);
        for (const { copy } of devices) expect(nextSave(copy)).toBeUndefined();
        expect(formatSession(store.session!)).toBe(texts[0]);
      }),
      { numRuns: 500 },
    );
  });
});
