import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BitReader } from './bits.ts';
import { readBundle } from './bundle.ts';
import { ByteReader } from './bytes.ts';
import { type Catalogue, compileOwnView, parseCatalogue } from './catalogue.ts';
import { NULL_VALUE, type View } from './coding-plan.ts';
import { parseClientMessage, parseQuery } from './control.ts';
import { applyDelta, decodeFull } from './delta.ts';
import { EMPTY_FIELD, emptyState, type Field } from './field.ts';
import { applyTickFrame, type ClientState, docPayload, readFrameHead } from './frames.ts';
import { decodePollAnswer } from './poll-answer.ts';
import { quantise } from './quantise.ts';
import { readCarId, readSlice, SLICE } from './slice.ts';
import { codeOf, fromBits, fromHex, toHex } from './testing/bytes.ts';
import { makeVectors } from './testing/generate-vectors.ts';
import { applyTick, decodeDocPatch, decodeKeyframe } from './tick-message.ts';

const FOLDER = join(import.meta.dirname, 'vectors');
// biome-ignore lint/suspicious/noExplicitAny: the shape of each file is what these tests check.
const load = (name: string): any => JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8'));

it('the generator makes the files again, byte for byte: every encoder writes what the vectors say', () => {
  const vectors = makeVectors();
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  expect(files).toEqual(Object.keys(vectors).sort());
  for (const name of files) expect(readFileSync(join(FOLDER, name), 'utf8'), name).toBe(vectors[name]);
});

const catalogues = new Map<string, Catalogue>(
  load('catalogues').map((one: { name: string; json: string }) => [one.name, parseCatalogue(one.json)]),
);

const toState = (text: string): number[] =>
  text.split(' ').map((word) => (word === 'null' ? NULL_VALUE : Number(word)));

/** The values of a view, spread over a state of the whole catalogue. */
function spread(catalogue: Catalogue, view: string | View, text: string): Int32Array {
  const state = emptyState(catalogue);
  const { channels } = typeof view === 'string' ? catalogue.viewOf(view)! : view;
  toState(text).forEach((value, i) => {
    state[channels[i]!] = value;
  });
  return state;
}

describe('every decoder reads what the vectors say', () => {
  it('catalogues', () => {
    for (const one of load('catalogues')) {
      const { json, hash, tag, views } = catalogues.get(one.name)!;
      expect({ json, hash, tag }).toEqual({ json: one.json, hash: one.hash, tag: one.tag });
      for (const view of one.views) expect(Array.from(views[view.id]!.channels)).toEqual(toState(view.channels));
    }
  });

  it('numbers', () => {
    const { quantise: cases, golomb, varint } = load('numbers');
    for (const { steps, value, ...range } of cases) {
      const channel = { ...catalogues.get('example')!.channels[0]!, ...range };
      expect(quantise(channel, value)).toBe(steps ?? NULL_VALUE);
    }
    const reader = new BitReader();
    for (const { k, value, bits } of golomb) {
      reader.start(fromBits(bits));
      expect(reader.readGolomb(k)).toBe(value);
      reader.finish();
    }
    for (const { value, hex } of varint) expect(new ByteReader(fromHex(hex)).varint('it')).toBe(value);
  });

  it('deltas and whole states', () => {
    for (const { catalogue: name, view, before, hex, after } of load('deltas')) {
      const catalogue = catalogues.get(name)!;
      const state = spread(catalogue, view, before);
      applyDelta(catalogue.viewOf(view)!, state, fromHex(hex));
      expect(state).toEqual(spread(catalogue, view, after));
    }
    for (const { catalogue: name, view, state, hex } of load('states')) {
      const catalogue = catalogues.get(name)!;
      const read = emptyState(catalogue);
      decodeFull(catalogue.viewOf(view)!, read, fromHex(hex));
      expect(read).toEqual(spread(catalogue, view, state));
    }
  });

  it('slices', () => {
    for (const { hex, slot, viewId, kind, car } of load('slices')) {
      const slice = readSlice(new ByteReader(fromHex(hex)));
      expect(slice).toMatchObject({ slot, viewId, kind: SLICE[kind as keyof typeof SLICE] });
      if (car) expect(readCarId(fromHex(hex), slice).car).toBe(car);
    }
  });

  it('messages of the stream', () => {
    for (const { catalogue: name, messages } of load('stream')) {
      const catalogue = catalogues.get(name)!;
      let field: Field = EMPTY_FIELD;
      for (const one of messages) {
        const bytes = fromHex(one.hex);
        const { type, tick, closeAtMs, epoch } = one;
        const head = { tick, closeAtMs, epoch, catalogueTag: catalogue.tag };
        if (type === 'doc') {
          const { docRevision, patch, ...read } = decodeDocPatch(bytes);
          expect(read.head).toMatchObject(head);
          expect([docRevision, toHex(patch)]).toEqual([one.revision, one.doc]);
          continue;
        }
        const applied =
          type === 'tick'
            ? applyTick(bytes, catalogue, one.isFromEmpty ? EMPTY_FIELD : field)
            : decodeKeyframe(bytes, catalogue);
        expect(applied.head).toMatchObject(head);
        if ('doc' in applied) expect([applied.docRevision, toHex(applied.doc)]).toEqual([one.revision, one.doc]);
        field = applied.field;
        expect(field.cars).toEqual(one.field.map(({ car }: { car: string }) => car));
        one.field.forEach(({ state }: { state: string }, slot: number) => {
          expect(field.states[slot]).toEqual(state === 'gone' ? undefined : Int32Array.from(toState(state)));
        });
      }
    }
  });

  it('client frames', () => {
    for (const { catalogue: name, frames } of load('frames')) {
      const catalogue = catalogues.get(name)!;
      let state: ClientState | undefined;
      for (const { type, flags, tick, closeAtMs, seq, span, channels, hex, cars, doc } of frames) {
        expect(readFrameHead(fromHex(hex))).toMatchObject({ flags, tick, closeAtMs, seq });
        if (type === 'doc') {
          expect(toHex(docPayload(fromHex(hex)))).toBe(doc);
          continue;
        }
        const own = channels && compileOwnView(catalogue, channels.split(' '));
        const applied = applyTickFrame(fromHex(hex), catalogue, state, own);
        ({ state } = applied);
        expect([applied.span, state.tick, state.closeAtMs, state.seq]).toEqual([span, tick, closeAtMs, seq]);
        const read = [...state.cars].map(([slot, { view, ...one }]) => ({ slot, viewId: view.id, ...one }));
        // biome-ignore lint/suspicious/noExplicitAny: as above.
        const wanted = cars.map((one: any) => ({
          ...one,
          state: spread(catalogue, catalogue.views[one.viewId] ?? own, one.state),
        }));
        expect(read).toEqual(wanted);
      }
    }
  });

  it('answers to long polls', () => {
    for (const { hex, head, records } of load('polls')) {
      const read = decodePollAnswer(fromHex(hex));
      expect(read.head).toEqual(head);
      expect(read.records.map(({ seq, message }) => ({ seq, hex: toHex(message) }))).toEqual(records);
    }
  });

  it('bundles', () => {
    for (const { hex, frames } of load('bundles')) expect([...readBundle(fromHex(hex))].map(toHex)).toEqual(frames);
  });

  it('control messages', () => {
    const { catalogue, maxCars, client, queries, refused } = load('control');
    const limits = { maxCars, catalogue: catalogues.get(catalogue), hasOwnView: false };
    for (const { text, message } of client) expect(parseClientMessage(text, limits)).toEqual(message);
    for (const { query, hello } of queries) expect(parseQuery(query, limits)).toEqual(hello);
    for (const { text, code } of refused) expect(codeOf(() => parseClientMessage(text, limits))).toBe(code);
  });

  it('and refuses what the vectors say', () => {
    const { varints, deltas } = load('refused');
    for (const { hex } of varints)
      expect(
        codeOf(() => new ByteReader(fromHex(hex)).varint('it')),
        hex,
      ).toBeDefined();
    const view = catalogues.get('example')!.views[0]!;
    for (const { about, before, hex, code } of deltas) {
      expect(
        codeOf(() => applyDelta(view, Int32Array.from(toState(before)), fromHex(hex))),
        about,
      ).toBe(code);
    }
  });
});

const hasPython = spawnSync('python3', ['--version']).status === 0;

it.skipIf(!hasPython)('a decoder in Python, written from PROTOCOL.md alone, agrees', () => {
  const { status, stdout, stderr } = spawnSync('python3', [join(FOLDER, 'decode.py')], { encoding: 'utf8' });
  expect(`${stdout}${stderr}`).toMatch(/^\d{3,} checks passed\n$/);
  expect(status).toBe(0);
});

if (!hasPython) console.warn('python3 was not found: the check of the vectors by an independent decoder is left out.');
