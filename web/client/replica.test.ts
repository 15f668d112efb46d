import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileOwnView, parseCatalogue } from '../../protocol/catalogue.ts';
import type { View } from '../../protocol/coding-plan.ts';
import type { RaceDocument } from '../../protocol/document.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { encodeDocFrame, encodeTickFrame, FRAME_FLAG } from '../../protocol/frames.ts';
import { pack } from '../../protocol/pack.ts';
import { changeSlice, digestSlice, fullSlice } from '../../protocol/slice.ts';
import { Replica } from './replica.ts';

const channel = (key: string, coding = {}) => ({
  key,
  label: key,
  unit: '',
  resolution: 1,
  min: -1000,
  max: 1000,
  aggregate: 'last',
  group: 'test',
  staleAfterMs: 1000,
  coding,
});
const catalogueOf = (name: string) =>
  parseCatalogue({ name, channels: [channel('a', { busy: true }), channel('b'), channel('c'), channel('d')] });
const catalogue = catalogueOf('one');
const full = catalogue.views[0]!;
const EPOCHS = ['00000000000000aa', '00000000000000bb'] as const;
const CARS = ['24', '9'];

/** The states of a short race, tick by tick, the same every time. */
const statesAt = (tick: number): Int32Array[] =>
  CARS.map((_, slot) => Int32Array.of(tick * 3, slot + Math.floor(tick / 2), (tick * 7) % 11, 5));

const headOf = (tick: number, flags = 0) => ({ flags, tick, closeAtMs: 1000 + tick * 500, seq: 10 + tick });

function snapshotOf(tick: number): Uint8Array {
  const slices = statesAt(tick).map((state, slot) => fullSlice(slot, CARS[slot]!, full, state));
  return encodeTickFrame(headOf(tick, FRAME_FLAG.snapshot), 0, slices);
}

function deltaOf(tick: number, span = 1): Uint8Array {
  const before = statesAt(tick - span);
  const slices = statesAt(tick).flatMap((state, slot) => {
    const change = changeSlice(slot, CARS[slot]!, full, before[slot]!, state);
    return [...(change ? [change] : []), digestSlice(slot, CARS[slot]!, full, state)];
  });
  return encodeTickFrame(headOf(tick), span, slices);
}

const documentFrame = (seq: number, value: unknown, flags = 0) =>
  encodeDocFrame({ flags, tick: 0, closeAtMs: 0, seq }, pack(value));

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.code;
  }
};

function begun(epoch: string = EPOCHS[0]): Replica {
  const replica = new Replica();
  replica.begin(epoch, catalogue, undefined);
  return replica;
}

describe('the replica', () => {
  it('holds nothing to resume from before the first snapshot', () => {
    const replica = begun();
    expect(replica.applyTick(deltaOf(5))).toBeUndefined();
    expect(replica.holding(false)).toBeUndefined();
    expect(replica.position).toBeUndefined();
  });

  it('adopts an epoch only together with the position in it', () => {
    const replica = begun();
    replica.applyTick(snapshotOf(3));
    expect(replica.position).toEqual({ epoch: EPOCHS[0], seq: 13 });
    replica.begin(EPOCHS[1], catalogue, undefined);
    expect(replica.position).toEqual({ epoch: EPOCHS[0], seq: 13 });
    expect(replica.holding(false)).toBeUndefined();
    expect(replica.applyTick(deltaOf(4))).toBeUndefined();
    replica.applyTick(snapshotOf(1));
    expect(replica.holding(false)).toEqual({
      since: { epoch: EPOCHS[1], seq: 11 },
      wish: { watch: CARS.map((car) => ({ car, view: 'full' })) },
    });
  });

  it('goes on in the same epoch and catalogue, and not in another catalogue', () => {
    const replica = begun();
    replica.applyTick(snapshotOf(3));
    replica.begin(EPOCHS[0], catalogue, undefined);
    expect(replica.applyTick(deltaOf(4))?.tick).toBe(4);
    replica.begin(EPOCHS[0], catalogueOf('two'), undefined);
    expect(replica.holding(false)).toBeUndefined();
    expect(replica.applyTick(deltaOf(5))).toBeUndefined();
  });

  it('is no ground to resume from after a gap, while what it knew stays readable', () => {
    const replica = begun();
    replica.applyTick(snapshotOf(3));
    expect(codeOf(() => replica.applyTick(deltaOf(5)))).toBe('gap');
    expect(replica.holding(false)).toBeUndefined();
    expect(replica.find('24')?.state).toEqual(statesAt(3)[0]);
    expect(replica.applyTick(deltaOf(4))).toBeUndefined();
    expect(replica.applyTick(snapshotOf(6))?.snapshot).toBe(true);
  });

  it('needs the document too, when the document is wanted', () => {
    const replica = begun();
    replica.applyTick(snapshotOf(3));
    expect(replica.holding(true)).toBeUndefined();
    replica.applyDocument(documentFrame(13, { lap: 1 }, FRAME_FLAG.snapshot));
    expect(replica.holding(true)?.since.seq).toBe(13);
  });

  it('is no ground to resume from between the document of an edge that is behind and its snapshot', () => {
    const replica = new Replica();
    replica.begin(EPOCHS[0], catalogue, undefined);
    replica.applyDocument(documentFrame(15, { lap: 5 }, FRAME_FLAG.snapshot));
    replica.applyTick(snapshotOf(5));
    expect(replica.holding(true)).toBeDefined();
    replica.applyDocument(documentFrame(12, { lap: 2 }, FRAME_FLAG.snapshot));
    expect(replica.holding(true)).toBeUndefined();
    replica.applyTick(snapshotOf(2));
    expect(replica.holding(true)?.since).toEqual({ epoch: EPOCHS[0], seq: 12 });
  });

  it('applies a patch of the document once, however often it is sent', () => {
    const replica = begun();
    const add = documentFrame(14, [{ op: 'add', path: '/stops/-', value: 7 }]);
    expect(replica.applyDocument(add)).toBe(false);
    replica.applyDocument(documentFrame(13, { stops: [] }, FRAME_FLAG.snapshot));
    expect(replica.applyDocument(add)).toBe(true);
    expect(replica.applyDocument(add)).toBe(false);
    expect(replica.document).toEqual({ stops: [7] });
  });

  it.each([
    ['a path that does not exist', [{ op: 'replace', path: '/no/such', value: 1 }]],
    ['something that is no patch', 'hello'],
    ['a prototype', [{ op: 'add', path: '/__proto__/polluted', value: true }]],
  ])('refuses a document patch with %s and wants the document anew', (_, patch) => {
    const replica = begun();
    replica.applyTick(snapshotOf(3));
    replica.applyDocument(documentFrame(13, { lap: 1 }, FRAME_FLAG.snapshot));
    expect(codeOf(() => replica.applyDocument(documentFrame(14, patch)))).toBe('bad_patch');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(replica.document).toEqual({ lap: 1 } as unknown as RaceDocument);
    expect(replica.holding(true)).toBeUndefined();
  });

  it('forgets the cars that the edge no longer sends', () => {
    const replica = begun();
    replica.applyTick(snapshotOf(3));
    replica.choose({ watch: [{ car: '9', view: 'full' }] });
    expect(replica.find('24')).toBeUndefined();
    expect(replica.holding(false)?.wish.watch).toEqual([{ car: '9', view: 'full' }]);
  });

  it('holds a car in its old list of channels until its state in the new one has come', () => {
    const watch = [{ car: '24', view: 'own' }];
    const [ac, b] = [compileOwnView(catalogue, ['c', 'a'])!, compileOwnView(catalogue, ['b'])!];
    const whole = (tick: number, view: View, flags: number) =>
      encodeTickFrame(headOf(tick, flags), flags ? 0 : 1, [fullSlice(0, '24', view, statesAt(tick)[0]!)]);
    const delta = (tick: number, view: View) =>
      encodeTickFrame(headOf(tick), 1, [changeSlice(0, '24', view, statesAt(tick - 1)[0], statesAt(tick)[0])!]);
    const replica = new Replica();
    replica.begin(EPOCHS[0], catalogue, ['c', 'a']);
    replica.applyTick(whole(3, ac, FRAME_FLAG.snapshot));
    replica.applyTick(delta(4, ac));
    replica.choose({ watch, channels: ['b'] });
    expect([replica.isHeld(watch[0]!), replica.holding(false)?.wish]).toEqual([false, { watch, channels: ['a', 'c'] }]);
    // The connection broke before the next frame: it goes on where it was.
    replica.begin(EPOCHS[0], catalogue, ['a', 'c']);
    expect(replica.isHeld(watch[0]!)).toBe(true);
    replica.applyTick(delta(5, ac));
    replica.choose({ watch, channels: ['b'] });
    replica.applyTick(whole(6, b, 0));
    expect([replica.isHeld(watch[0]!), replica.holding(false)?.wish]).toEqual([true, { watch, channels: ['b'] }]);
    expect(codeOf(() => replica.choose({ watch, channels: ['x'] }))).toBe('bad_watch');
  });

  it('tells of cars that a snapshot left out, and of values that changed', () => {
    const replica = begun();
    replica.applyTick(snapshotOf(3));
    const only = encodeTickFrame(headOf(4, FRAME_FLAG.snapshot), 0, [fullSlice(1, '9', full, statesAt(4)[1]!)]);
    const { changes } = replica.applyTick(only)!;
    expect(changes.map(({ car, kind }) => `${car} ${kind}`)).toEqual(['9 full', '24 gone']);
    expect(changes[0]!.channels).toEqual([
      { key: 'a', before: 9, after: 12 },
      { key: 'b', before: 2, after: 3 },
      { key: 'c', before: 10, after: 6 },
    ]);
  });

  it('never holds a wrong state as good, whatever is lost, repeated, joined or altered on the way', () => {
    const move = fc.oneof(
      fc.constant({ kind: 'next' as const }),
      fc.constant({ kind: 'again' as const }),
      fc.record({ kind: fc.constant('lose' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('join' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('alter' as const), at: fc.nat(1000), bits: fc.integer({ min: 1, max: 255 }) }),
    );
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const replica = begun();
        let tick = 0;
        let sent = 0;
        const deliver = (frame: Uint8Array) => {
          codeOf(() => replica.applyTick(frame));
          if (!replica.holding(false)) replica.applyTick(snapshotOf(tick));
          const held = replica.at!.tick;
          expect(replica.find('24')?.state).toEqual(statesAt(held)[0]);
          expect(replica.find('9')?.state).toEqual(statesAt(held)[1]);
          expect(held).toBe(tick);
          sent = tick;
        };
        deliver(snapshotOf(0));
        for (const one of moves) {
          if (one.kind === 'again') {
            deliver(tick === 0 ? snapshotOf(0) : deltaOf(tick));
            continue;
          }
          tick += one.kind === 'lose' || one.kind === 'join' ? one.count : 1;
          const frame = one.kind === 'join' ? deltaOf(tick, tick - sent) : deltaOf(tick);
          // Behind the head and the span: what a fan would believe without the checksum.
          if (one.kind === 'alter') frame[19 + (one.at % (frame.length - 19))]! ^= one.bits;
          deliver(frame);
        }
      }),
    );
  });
});
