import { describe, expect, it } from 'vitest';
import { RaceState } from './race-state.ts';
import { RaceWriter, testCatalogue, type Written } from './testing/publisher.ts';

/** A state that has read the first keyframe, and the next sequence. */
function following(options: ConstructorParameters<typeof RaceWriter>[0] = {}) {
  const writer = new RaceWriter(options);
  const state = new RaceState(writer.catalogue, 30);
  let seq = 0;
  const give = (...messages: Written[]) => messages.map(({ bytes }) => state.apply(++seq, bytes)).at(-1)!;
  for (let n = 0; n < 10; n++) writer.nextTick();
  give(writer.keyframe());
  return { writer, state, give, seqOf: () => seq };
}

describe('the state of a race', () => {
  it('S1 begins with a keyframe and knows nothing before', () => {
    const writer = new RaceWriter();
    const state = new RaceState(writer.catalogue);
    expect(state.apply(1, writer.nextTick().bytes)).toEqual({ kind: 'nothing' });
    expect(state.apply(2, writer.docPatch().bytes)).toEqual({ kind: 'nothing' });
    expect([state.status, state.head]).toEqual(['waiting', undefined]);
    expect(state.apply(3, writer.keyframe().bytes)).toEqual({ kind: 'begin', isNewEpoch: true });
    expect(state.head?.field).toEqual(writer.field);
    expect(state.document).toEqual(writer.document);
    expect([state.status, state.seq, state.epoch]).toEqual(['following', 3, writer.epoch]);
  });

  it('S2 is that of the publisher after every message, and old ticks stay as they were', () => {
    const { writer, state, give } = following({ seed: 7 });
    for (let n = 0; n < 100; n++) {
      give(...writer.next());
      expect(state.head?.field).toEqual(writer.field);
      expect(state.document).toEqual(writer.document);
    }
    expect(state.ring.size).toBe(30);
    for (const { tick, field } of state.ring.after(writer.tick - 29)) expect(field).toEqual(writer.fields.get(tick));
    expect(state.losses.size).toBe(0);
  });

  it('S3 hands out the slices of the full view as places in the message', () => {
    const { writer, state, give } = following();
    const message = writer.nextTick();
    give(message);
    const slices = state.head!.fullSlices!.filter((slice) => slice !== undefined);
    expect(slices.length).toBeGreaterThan(0);
    for (const slice of slices) expect(slice.buffer).toBe(message.bytes.buffer);
  });

  it('S4 is lost after a missing tick, stands still, and begins anew with the next keyframe', () => {
    const { writer, state, give } = following();
    give(writer.nextTick());
    const good = state.head;
    writer.nextTick();
    expect(give(writer.nextTick())).toEqual({ kind: 'lost', reason: 'gap' });
    expect(give(writer.nextTick())).toEqual({ kind: 'nothing' });
    expect([state.head, state.status]).toEqual([good, 'lost']);
    expect(give(writer.keyframe())).toEqual({ kind: 'begin', isNewEpoch: false });
    expect([state.head?.tick, state.status, state.ring.size]).toEqual([writer.tick, 'following', 1]);
    expect(Object.fromEntries(state.losses)).toEqual({ gap: 1 });
  });

  it.each([
    ['an altered byte', (bytes: Uint8Array) => bytes.with(40, bytes[40]! ^ 1)],
    ['a cut', (bytes: Uint8Array) => bytes.slice(0, -1)],
    ['nothing', () => new Uint8Array()],
    ['another type', (bytes: Uint8Array) => bytes.with(0, 9)],
    ['another version', (bytes: Uint8Array) => bytes.with(1, 9)],
  ])('S5 is lost, and no more than that, after a tick with %s', (_, spoil) => {
    const { writer, state, give } = following();
    const good = state.head;
    expect(give({ kind: 'tick', bytes: spoil(writer.nextTick().bytes) })).toMatchObject({ kind: 'lost' });
    expect(state.head).toBe(good);
    expect(give(writer.nextTick(), writer.keyframe())).toMatchObject({ kind: 'begin' });
    expect(state.head?.field).toEqual(writer.field);
  });

  it('S6 stays lost over a spoilt keyframe', () => {
    const { writer, state, give } = following();
    writer.nextTick();
    give(writer.nextTick());
    const { bytes } = writer.keyframe();
    expect(give({ kind: 'keyframe', bytes: bytes.slice(0, -2) })).toMatchObject({ kind: 'lost' });
    expect(give(writer.keyframe())).toMatchObject({ kind: 'begin' });
    expect(state.status).toBe('following');
  });

  it('S7 finds by a keyframe that it has drifted', () => {
    const { writer, state, give } = following();
    give(writer.nextTick());
    const field = { ...writer.field, states: writer.field.states.map((one) => one?.map(() => 7)) };
    writer.field = field;
    expect(give(writer.keyframe())).toEqual({ kind: 'begin', isNewEpoch: false });
    expect(Object.fromEntries(state.losses)).toEqual({ drift: 1 });
  });

  it('S8 takes messages that it has had already for nothing', () => {
    const { writer, state, give } = following();
    const messages = [writer.nextTick(), writer.docPatch(), writer.keyframe(), writer.nextTick()];
    give(...messages);
    const { head } = state;
    for (const message of messages) expect(give(message)).toEqual({ kind: 'nothing' });
    expect([state.head, state.document]).toEqual([head, writer.document]);
  });

  it('S9 begins a new epoch with its first keyframe and forgets the old one', () => {
    const { writer, state, give } = following();
    give(writer.nextTick(), writer.nextTick());
    writer.startAnew('00000000000000bb');
    expect(give(writer.nextTick())).toEqual({ kind: 'lost', reason: 'epoch' });
    expect(give(writer.keyframe())).toEqual({ kind: 'begin', isNewEpoch: true });
    expect([state.epoch, state.head?.tick, state.ring.size]).toEqual(['00000000000000bb', 0, 1]);
  });

  it('S10 asks for the other catalogue and applies nothing', () => {
    const { writer, state, give } = following();
    const good = state.head;
    writer.changeCatalogue(testCatalogue('other'));
    expect(give(writer.keyframe())).toEqual({ kind: 'catalogue' });
    expect(give(writer.nextTick())).toEqual({ kind: 'catalogue' });
    expect(state.head).toBe(good);
  });

  it('S11 loses only the document over a patch that does not fit, until the next keyframe', () => {
    const { writer, state, give } = following();
    give(writer.nextTick());
    writer.docPatch();
    expect(give(writer.docPatch())).toEqual({ kind: 'nothing' });
    expect(give(writer.nextTick())).toMatchObject({ kind: 'tick' });
    expect(state.document).not.toEqual(writer.document);
    expect(give(writer.keyframe())).toEqual({ kind: 'doc_anew' });
    expect(state.document).toEqual(writer.document);
    expect(give(writer.docPatch())).toMatchObject({ kind: 'doc' });
    expect(Object.fromEntries(state.losses)).toEqual({ doc_gap: 1 });
  });

  it('S12 takes the document of a keyframe when it is another one under the same revision', () => {
    const { writer, state, give } = following();
    give(writer.nextTick());
    writer.document = { name: 'Other' };
    expect(give(writer.keyframe())).toEqual({ kind: 'doc_anew' });
    expect(state.document).toEqual({ name: 'Other' });
    expect(give(writer.keyframe())).toEqual({ kind: 'nothing' });
    for (const document of [null, 5, 'text', []]) {
      writer.document = document as never;
      expect(give(writer.keyframe())).toEqual({ kind: 'doc_anew' });
      expect(state.document).toEqual(document);
    }
  });
});
