import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BitWriter } from '../bits.ts';
import { BundleWriter } from '../bundle.ts';
import { ByteWriter } from '../bytes.ts';
import {
  type Catalogue,
  type Channel,
  compileOwnView,
  keysOf,
  MAX_SPAN_STEPS,
  MAX_STEPS,
  parseCatalogue,
} from '../catalogue.ts';
import { NULL_VALUE, quantisedRange, type View } from '../coding-plan.ts';
import { formatHello, formatQuery, type Hello } from '../control.ts';
import { encodeDelta, encodeFull } from '../delta.ts';
import { EMPTY_FIELD, type Field } from '../field.ts';
import { applyTickFrame, type ClientState, encodeDocFrame, encodeTickFrame, FRAME_FLAG } from '../frames.ts';
import { pack } from '../pack.ts';
import { encodePollAnswer, type PollHead } from '../poll-answer.ts';
import { quantise } from '../quantise.ts';
import { changeSlice, digestSlice, fullSlice, goneSlice } from '../slice.ts';
import { encodeDocPatch, encodeKeyframe, encodeTick } from '../tick-message.ts';
import { toBits, toHex } from './bytes.ts';
import { Random, randomCatalogue, randomNextField, randomNextState, randomState } from './worlds.ts';

/*
 * Makes the golden vectors of protocol/vectors: node protocol/testing/generate-vectors.ts
 * States are texts, not lists, so that the files stay readable: "510 102 null".
 */

const EPOCH = '0123456789abcdef';
const N = NULL_VALUE;

const channel = (key: string, more: Partial<Channel>): Channel => ({
  ...{
    key,
    label: key,
    unit: '',
    resolution: 1,
    min: 0,
    max: 100,
    aggregate: 'last',
    group: 'test',
    staleAfterMs: 2000,
  },
  ...more,
});

/** The catalogue of the example in PROTOCOL.md, section 6, with views. */
const example = parseCatalogue({
  name: 'example',
  channels: [
    channel('rpm', { label: 'Engine speed', max: 1000, coding: { k: 3, busy: true } }),
    channel('kph', { unit: 'km/h', min: -50, max: 400, coding: { k: 1, busy: true, from: 'rpm', ratio: 64 } }),
    channel('gear', { min: -1, max: 10, coding: { k: 0 } }),
    channel('fuel', { unit: '°', coding: { k: 1 } }),
    channel('oil', {}),
  ],
  views: { slow: ['oil', 'gear'], speed: ['kph', 'fuel'] },
});

const WIDE = { min: 0, max: MAX_SPAN_STEPS };
const extreme = parseCatalogue({
  name: 'extreme',
  channels: [
    channel('a', { ...WIDE, coding: { k: 0, busy: true } }),
    channel('b', { ...WIDE, coding: { k: 0, busy: true, from: 'a', ratio: -32_768 } }),
    channel('c', { min: -MAX_STEPS, max: -MAX_SPAN_STEPS, coding: { k: 24, busy: true, from: 'b', ratio: 32_767 } }),
    channel('d', { min: MAX_STEPS - MAX_SPAN_STEPS, max: MAX_STEPS, coding: { k: 0 } }),
    channel('e', { resolution: 0.001, min: -0.0004, max: 0.0004 }),
    channel('f', { ...WIDE, of: 'a', aggregate: 'max', coding: { k: 24 } }),
  ],
});

const random = new Random(1);
const mixed = randomCatalogue(random, 40);
const CATALOGUES = { example, extreme, mixed };

const show = (state: Iterable<number>): string => Array.from(state, (v) => (v === N ? 'null' : `${v}`)).join(' ');
const inView = (view: View, state: Int32Array): string => show(Array.from(view.channels, (c) => state[c]!));

const catalogues = Object.values(CATALOGUES).map(({ name, json, hash, tag, channels, views }) => ({
  name,
  json,
  hash,
  tag,
  lowest: show(channels.map((one) => quantisedRange(one).lowest)),
  highest: show(channels.map((one) => quantisedRange(one).highest)),
  views: views.map((view) => ({
    id: view.id,
    name: view.name,
    channels: show(view.channels),
    busy: show(view.busy),
    quiet: show(view.quiet),
  })),
}));

function quantiseCases() {
  const of = (resolution: number, min: number, max: number, ...values: (number | null)[]) =>
    values.map((value) => {
      const steps = quantise(channel('q', { resolution, min, max }), value);
      return { resolution, min, max, value, steps: steps === N ? null : steps };
    });
  return [
    ...of(1, -10, 10, 2.5, -2.5, 0.49999999999999994, -0.5, -0.2, 10, 10.000001, -10, -10.5, null),
    ...of(0.1, 0, 450, 0.35, 0.25, 291.24, 450, 0.05, 449.96),
    ...of(0.000001, -180, 180, -180, 180, 12.3456785, -81.06789),
    ...of(2.5, -100, 100, 3.75, 6.25, -3.75, 99),
    ...of(1024, 0, 1e9, 511, 512, 999_999_999),
    ...of(2 ** -20, -1, 1, 1, -1, 1e-7, 5e-7),
  ];
}

function golombCases() {
  const writer = new BitWriter();
  const code = (value: number, k: number) => {
    writer.start();
    writer.writeGolomb(value, k);
    writer.write(1, 1);
    return { k, value, bits: toBits(writer.finish()).replaceAll(' ', '').replace(/10*$/, '') };
  };
  const small = [0, 1, 2, 3, 24].flatMap((k) => [0, 1, 2, 3, 6, 7, 100].map((value) => code(value, k)));
  return [...small, ...[65_535, 2 ** 24, 2 ** 30 + 1, 2 ** 31].flatMap((v) => [0, 7, 24].map((k) => code(v, k)))];
}

function varintCases() {
  const writer = new ByteWriter();
  return [0, 1, 127, 128, 300, 16_383, 16_384, 2 ** 31, 2 ** 32 - 1].map((value) => {
    writer.start();
    writer.varint(value);
    return { value, hex: toHex(writer.finish()) };
  });
}

function deltaOf(catalogue: Catalogue, view: View, before: Int32Array, after: Int32Array, about?: string) {
  const bytes = encodeDelta(view, before, after);
  if (!bytes) return [];
  const hex = toHex(bytes);
  return [
    {
      ...(about ? { about } : {}),
      ...{ catalogue: catalogue.name, view: view.name, before: inView(view, before), hex, after: inView(view, after) },
    },
  ];
}

function deltas() {
  const of = (catalogue: Catalogue, about: string, before: number[], after: number[], view = catalogue.views[0]!) =>
    deltaOf(catalogue, view, Int32Array.from(before), Int32Array.from(after), about);
  const [low, high] = [
    [0, 0, -MAX_STEPS, MAX_STEPS - MAX_SPAN_STEPS, 0, 0],
    [MAX_SPAN_STEPS, MAX_SPAN_STEPS, -MAX_SPAN_STEPS, MAX_STEPS, 0, MAX_SPAN_STEPS],
  ];
  const cases = [
    ...of(example, 'the example of section 6', [500, 100, 3, 50, N], [510, 102, 4, 50, 80]),
    ...of(example, 'one quiet channel', [500, 100, 3, 50, 80], [500, 100, 3, 49, 80]),
    ...of(example, 'busy channels only', [500, 100, 3, 50, N], [499, 100, 3, 50, N]),
    ...of(example, 'a rounded prediction below zero', [500, 100, 3, 50, N], [490, 97, 3, 50, N]),
    ...of(example, 'everything becomes null', [500, 100, 3, 50, 80], [N, N, N, N, N]),
    ...of(example, 'everything comes from null', [N, N, N, N, N], [0, -50, -1, 100, 100]),
    ...of(example, 'the predicting channel is null', [N, 100, 3, 50, N], [N, 101, 3, 50, N]),
    ...of(example, 'the predicting channel toggles', [N, 100, 3, 50, N], [900, 101, 3, 50, N]),
    ...of(
      example,
      'the predicting channel is not in the view',
      [1, 100, 3, 50, N],
      [9, 98, 3, 51, N],
      example.views[2],
    ),
    ...of(example, 'a view without busy channels', [1, 100, 3, 50, N], [9, 98, 10, 51, 4], example.views[1]),
    ...of(extreme, 'the longest jumps up', low!, high!),
    ...of(extreme, 'the longest jumps down', high!, low!),
    ...of(
      extreme,
      'a clamped prediction of the wrong sign',
      [0, MAX_SPAN_STEPS, low![2]!, N, N, 1],
      [1, 0, high![2]!, N, 0, 0],
    ),
  ];
  for (let n = 0; n < 25; n++) {
    const before = randomState(random, mixed);
    const after = randomNextState(random, mixed, before);
    for (const view of mixed.views) cases.push(...deltaOf(mixed, view, before, after));
  }
  return cases;
}

function states() {
  const of = (catalogue: Catalogue, state: Int32Array) =>
    catalogue.views.map((view) => ({
      ...{
        catalogue: catalogue.name,
        view: view.name,
        state: inView(view, state),
        hex: toHex(encodeFull(view, state)),
      },
    }));
  return [
    ...of(example, Int32Array.of(510, 102, 4, 50, N)),
    ...of(example, Int32Array.of(N, N, N, N, N)),
    ...of(extreme, Int32Array.of(MAX_SPAN_STEPS, 0, -MAX_STEPS, MAX_STEPS, 0, N)),
    ...Array.from({ length: 5 }, () => of(mixed, randomState(random, mixed))).flat(),
  ];
}

function slices() {
  const [full, slow] = [example.views[0]!, example.views[1]!];
  const state = Int32Array.of(510, 102, 4, 50, 80);
  const big = extreme.views[0]!;
  const low = Int32Array.of(0, 0, -MAX_STEPS, MAX_STEPS - MAX_SPAN_STEPS, 0, 0);
  const high = Int32Array.of(MAX_SPAN_STEPS, MAX_SPAN_STEPS, -MAX_SPAN_STEPS, MAX_STEPS, 0, MAX_SPAN_STEPS);
  const of = (about: string, slot: number, view: View, kind: string, bytes: Uint8Array, car = '') => ({
    ...{ about, hex: toHex(bytes), slot, viewId: view.id, kind },
    ...(car ? { car } : {}),
  });
  return [
    of('a delta', 3, full, 'delta', changeSlice(3, '24', full, Int32Array.of(500, 100, 3, 50, N), state)!),
    of('a whole state', 249, slow, 'full', fullSlice(249, 'A-z_0', slow, state), 'A-z_0'),
    of('gone', 0, full, 'gone', goneSlice(0, '07', full), '07'),
    of('a digest', 3, slow, 'digest', digestSlice(3, '24', slow, state)),
    of('a whole state because the delta is larger', 1, big, 'full', changeSlice(1, 'A', big, low, high)!, 'A'),
  ];
}

const headOf = ({ tag }: Catalogue, tick: number) => ({
  ...{ tick, closeAtMs: 1_708_300_000_000 + 500 * tick, epoch: EPOCH, catalogueTag: tag },
});
const showField = (field: Field) =>
  field.cars.map((car, slot) => ({ slot, car, state: field.states[slot] ? show(field.states[slot]!) : 'gone' }));

/** A run that somebody can follow by hand, then a random one. */
function runs(): { catalogue: Catalogue; fields: Field[] }[] {
  const [a, b] = [Int32Array.of(500, 100, 3, 50, N), Int32Array.of(510, 102, 4, 50, 80)];
  const c = Int32Array.of(0, 0, N, 100, 20);
  const byHand: Field[] = [
    EMPTY_FIELD,
    { cars: ['24'], states: [a] },
    { cars: ['24', '9', '07'], states: [b, c, undefined] },
    { cars: ['24', '9', '07'], states: [b, c, undefined] },
    { cars: ['24', '9', '07'], states: [undefined, c, a] },
    { cars: ['24', '9', '07'], states: [a, c.slice().fill(N), a] },
    { cars: ['24', '9', '07'], states: [b, c, undefined] },
  ];
  const fields: Field[] = [EMPTY_FIELD];
  for (let tick = 0; tick < 12; tick++) fields.push(randomNextField(random, mixed, fields.at(-1)!, 5));
  return [
    { catalogue: example, fields: byHand },
    { catalogue: mixed, fields },
  ];
}

function stream() {
  return runs().map(({ catalogue, fields }) => {
    const last = fields.at(-1)!;
    const doc = pack({ flag: 'green', lap: 7, standings: {} });
    const patch = pack([{ op: 'replace', path: '/flag', value: 'yellow' }]);
    const end = headOf(catalogue, fields.length - 2);
    const { closeAtMs } = end;
    return {
      catalogue: catalogue.name,
      messages: [
        ...fields.slice(1).map((after, tick) => {
          const head = headOf(catalogue, tick);
          const hex = toHex(encodeTick(head, catalogue, fields[tick]!, after));
          return { type: 'tick', tick, closeAtMs: head.closeAtMs, epoch: EPOCH, hex, field: showField(after) };
        }),
        {
          type: 'doc',
          tick: end.tick,
          closeAtMs,
          epoch: EPOCH,
          hex: toHex(encodeDocPatch(end, 8, patch)),
          revision: 8,
          doc: toHex(patch),
        },
        {
          ...{ type: 'keyframe', tick: end.tick, closeAtMs, epoch: EPOCH },
          hex: toHex(encodeKeyframe(end, catalogue, last, doc, 8)),
          ...{ revision: 8, doc: toHex(doc), field: showField(last) },
        },
        {
          ...{
            about: 'a composite of the whole run, as a tick on an empty field',
            type: 'tick',
            tick: end.tick,
            closeAtMs,
          },
          ...{ epoch: EPOCH, isFromEmpty: true },
          hex: toHex(encodeTick(end, catalogue, EMPTY_FIELD, last)),
          field: showField(last),
        },
      ],
    };
  });
}

/**
 * What a client gets that watches the first two cars, in two views, changes one and falls behind; then one that
 * watches the first car in a list of channels of its own, and changes the list.
 */
function frames() {
  return runs().map(({ catalogue, fields }) => {
    const views = [catalogue.views[0]!, catalogue.views.at(-1)!];
    let state: ClientState | undefined;
    let own: View | undefined;
    const clientFrames: object[] = [];
    const add = (about: string, tick: number, span: number, flags: number, made: (Uint8Array | undefined)[]) => {
      const head = { flags, tick, closeAtMs: headOf(catalogue, tick).closeAtMs, seq: 100 + 2 * tick };
      const bytes = encodeTickFrame(
        head,
        span,
        made.filter((slice) => slice !== undefined),
      );
      ({ state } = applyTickFrame(bytes, catalogue, state, own));
      const cars = [...state.cars].map(([slot, one]) => ({
        ...{ slot, car: one.car, viewId: one.view.id, state: inView(one.view, one.state) },
      }));
      const channels = own && { channels: keysOf(catalogue, own).join(' ') };
      clientFrames.push({ about, type: 'tick', ...head, span, ...channels, hex: toHex(bytes), cars });
    };
    const change = (from: number, to: number, slot: number) => {
      const car = fields[to + 1]!.cars[slot]!;
      return car
        ? changeSlice(slot, car, views[slot]!, fields[from + 1]!.states[slot], fields[to + 1]!.states[slot])
        : undefined;
    };
    const whole = (tick: number, slot: number) => {
      const { cars, states } = fields[tick + 1]!;
      return states[slot] ? fullSlice(slot, cars[slot]!, views[slot]!, states[slot]) : undefined;
    };
    const digest = (tick: number, slot: number) => {
      const { cars, states } = fields[tick + 1]!;
      return states[slot] ? digestSlice(slot, cars[slot]!, views[slot]!, states[slot]) : undefined;
    };
    add('a snapshot', 0, 0, FRAME_FLAG.snapshot | FRAME_FLAG.repair, [whole(0, 0), whole(0, 1)]);
    add('the next tick', 1, 1, 0, [change(0, 1, 0), change(0, 1, 1)]);
    views[1] = catalogue.views[1 % catalogue.views.length]!;
    add('car 1 in another view', 2, 1, 0, [change(1, 2, 0), whole(2, 1)]);
    add('a car that may leave', 3, 1, 0, [change(2, 3, 0), change(2, 3, 1)]);
    add('a composite with digests', 5, 2, FRAME_FLAG.conflated, [
      ...[change(3, 5, 0), digest(5, 0), change(3, 5, 1), digest(5, 1)],
    ]);
    const doc = pack({ flag: 'green', lap: 7 });
    const head = { flags: FRAME_FLAG.snapshot, tick: 5, closeAtMs: headOf(catalogue, 5).closeAtMs, seq: 111 };
    clientFrames.push({
      about: 'a whole document',
      type: 'doc',
      ...head,
      hex: toHex(encodeDocFrame(head, doc)),
      doc: toHex(doc),
    });
    const listen = (...places: number[]) => {
      own = compileOwnView(
        catalogue,
        places.map((place) => catalogue.channels[place]!.key),
      )!;
      views[0] = own;
    };
    listen(4, 1);
    add('a snapshot in a list of channels', 0, 0, FRAME_FLAG.snapshot | FRAME_FLAG.repair, [whole(0, 0)]);
    add('a delta in the list: kph without rpm has no prediction', 1, 1, 0, [change(0, 1, 0)]);
    listen(0, 1, 2);
    add('another list', 2, 1, 0, [whole(2, 0)]);
    add('over the ticks that this client did not ask for', 5, 3, 0, [change(2, 5, 0), digest(5, 0)]);
    return { catalogue: catalogue.name, frames: clientFrames };
  });
}

function bundles() {
  const known = frames()[0]!.frames as { readonly hex: string }[];
  const writer = new BundleWriter();
  return [[], [0], [1, 2, 4]].map((places) => {
    const list = places.map((place) => known[place]!.hex);
    writer.start();
    for (const hex of list) writer.add(Buffer.from(hex, 'hex'));
    return { hex: toHex(writer.finish()), frames: list };
  });
}

function polls() {
  const [{ messages }] = stream() as [ReturnType<typeof stream>[number]];
  const head = { race: 'oval', epoch: EPOCH, catalogue: example.hash, tickMs: 500 };
  const record = (seq: number, place: number) => ({ seq, hex: messages[place]!.hex });
  const stale = { tick: 5, sinceMs: 1_708_300_002_600, reason: 'no_ticks' } as const;
  const cases: { head: PollHead; records: { seq: number; hex: string }[] }[] = [
    {
      head: { ...head, to: `${EPOCH}:300`, kind: 'snapshot', reason: 'first', ticks: 0 },
      records: [record(300, 7)],
    },
    {
      head: { ...head, to: `${EPOCH}:281474976710655`, kind: 'deltas', from: `${EPOCH}:7`, ticks: 2 },
      records: [record(8, 0), record(281_474_976_710_655, 1)],
    },
    { head: { ...head, to: `${EPOCH}:9`, kind: 'deltas', from: `${EPOCH}:8`, ticks: 0 }, records: [record(9, 6)] },
    { head: { ...head, to: `${EPOCH}:9`, stale, kind: 'deltas', from: `${EPOCH}:9`, ticks: 0 }, records: [] },
  ];
  return cases.map(({ head, records }) => {
    const list = records.map(({ seq, hex }) => ({ seq, message: Buffer.from(hex, 'hex') }));
    return { hex: toHex(encodePollAnswer(head, list)), head, records };
  });
}

function control() {
  const watch = [
    { car: '24', view: 'slow' },
    { car: '9', view: 'full' },
  ];
  const hellos: Hello[] = [
    { version: 1, watch: [], history: 'latest', doc: true, rate: 2 },
    {
      ...{
        version: 1,
        watch,
        history: 'all',
        since: { epoch: EPOCH, seq: 281_474_976_710_655 },
        doc: false,
        rate: 0.5,
      },
    },
    {
      ...{ version: 1, watch: [{ car: '24', view: 'own' }], channels: ['oil', 'rpm'] },
      ...{ history: 'latest', doc: true, rate: 0.2 },
    },
  ];
  const client = [
    { text: '{"type":"hello","version":1}', message: { type: 'hello', ...hellos[0] } },
    ...hellos.map((hello) => ({
      text: formatHello(hello),
      message: { type: 'hello', ...hello },
    })),
    {
      text: '{"type":"watch","id":7,"watch":[{"car":"24","view":"slow"},{"car":"9"}]}',
      message: { type: 'watch', id: 7, watch },
    },
    {
      text: '{"type":"watch","id":8,"watch":[{"car":"24","view":"own"}],"channels":["gear"]}',
      message: { type: 'watch', id: 8, watch: [{ car: '24', view: 'own' }], channels: ['gear'] },
    },
    {
      text: '{"type":"hello","version":1,"since":"now"}',
      message: { type: 'hello', version: 1, watch: [], history: 'latest', doc: true, rate: 2, since: 'garbled' },
    },
    { text: '{"type":"rate","id":9,"rate":0.2}', message: { type: 'rate', id: 9, rate: 0.2 } },
    { text: '{"type":"resync"}', message: { type: 'resync' } },
    { text: '{"type":"ping","id":12}', message: { type: 'ping', id: 12 } },
  ];
  const queries = [
    ...hellos.map((hello) => ({ query: formatQuery(hello), hello })),
    { query: 'watch=24:slow,9', hello: { ...hellos[0], watch } },
  ];
  const refused = [
    { text: '{"type":"hello"}', code: 'bad_message' },
    { text: '{"type":"watch","id":1,"watch":[{"car":"24"},{"car":"24"}]}', code: 'bad_watch' },
    { text: '{"type":"watch","id":1,"watch":[{"car":"24","view":"nose"}]}', code: 'bad_watch' },
    { text: '{"type":"watch","id":1,"watch":[{"car":"24","view":"own"}]}', code: 'bad_watch' },
    { text: '{"type":"watch","id":1,"watch":[],"channels":[]}', code: 'bad_watch' },
    { text: '{"type":"watch","id":1,"watch":[],"channels":["nose"]}', code: 'bad_watch' },
    { text: '{"type":"watch","id":1,"watch":[],"channels":["rpm","rpm"]}', code: 'bad_watch' },
    { text: '{"type":"hello","version":1,"rate":3}', code: 'bad_rate' },
    { text: '{"type":"rate","id":1}', code: 'bad_rate' },
    { text: 'hello', code: 'bad_message' },
  ];
  return { catalogue: 'example', maxCars: 250, client, queries, refused };
}

/** Bytes that every decoder must refuse. Deltas are on the state `before` of the catalogue `example` in view `full`. */
function refused() {
  const delta = (about: string, before: string, hex: string, code: string) => ({ about, before, hex, code });
  return {
    varints: ['8000', 'ffffffff10', '808080808000', '80', ''].map((hex) => ({ hex })),
    deltas: [
      delta('nothing', '500 100 3 50 null', '', 'cut'),
      delta('the example, cut', '500 100 3 50 null', 'd941cf', 'cut'),
      delta('the example, a byte too long', '500 100 3 50 null', 'd941cf9000', 'overlong'),
      delta('the example, a padding bit set', '500 100 3 50 null', 'd941cf91', 'overlong'),
      delta('six toggles of five channels', '500 100 3 50 null', '9c0000', 'bad_code'),
      delta('a value above the range', '500 100 10 50 null', 'd941cf90', 'out_of_range'),
      delta('a number of 32 zeros', '500 100 3 50 null', '000000000000000000', 'bad_code'),
    ],
  };
}

/** With short lists of texts in one line, as the formatter of the repository wants them. */
const inOneLine = (json: string): string =>
  json.replace(/\[\s+("[^"]*"(?:,\s+"[^"]*")*)\s+\]/g, (whole, list: string) => {
    const line = `[${list.replace(/\s+/g, ' ')}]`;
    return line.length > 100 ? whole : line;
  });

/** File name to text. */
export function makeVectors(): Record<string, string> {
  const files = {
    'catalogues.json': catalogues,
    'numbers.json': { quantise: quantiseCases(), golomb: golombCases(), varint: varintCases() },
    'deltas.json': deltas(),
    'states.json': states(),
    'slices.json': slices(),
    'stream.json': stream(),
    'frames.json': frames(),
    'bundles.json': bundles(),
    'polls.json': polls(),
    'control.json': control(),
    'refused.json': refused(),
  };
  return Object.fromEntries(
    Object.entries(files).map(([name, content]) => [name, `${inOneLine(JSON.stringify(content, null, 2))}\n`]),
  );
}

if (process.argv[1] === import.meta.filename) {
  for (const [name, text] of Object.entries(makeVectors())) {
    writeFileSync(join(import.meta.dirname, '../vectors', name), text);
  }
}
