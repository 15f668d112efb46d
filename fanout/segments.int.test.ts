import { zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyPatch } from '../protocol/document-patch.ts';
import { digestField, type Field } from '../protocol/field.ts';
import { decodePollAnswer } from '../protocol/poll-answer.ts';
import { applyTick, decodeDocPatch, decodeKeyframe, readStreamHead, STREAM_MESSAGE } from '../protocol/tick-message.ts';
import { unpack } from '../protocol/unpack.ts';
import type { Edge } from './edge.ts';
import { testCatalogue } from './testing/publisher.ts';
import { Stage } from './testing/stage.ts';
import { until } from './testing/until.ts';

let stage: Stage;
let edge: Edge;
/** What was published, by tick. */
let truth: Map<number, { field: Field; document: unknown }>;

async function run(ticks: number): Promise<void> {
  for (let n = 0; n < ticks; n++) {
    await stage.publisher.put(...stage.writer.next());
    const { tick, field, document } = stage.writer;
    truth.set(tick, { field, document });
  }
}

beforeEach(async () => {
  truth = new Map();
  stage = await Stage.set();
  await stage.publisher.begin();
  await run(70);
  edge = await stage.edgeAtHead();
});
afterEach(() => stage.strike());

const get = (path: string, init: RequestInit = {}, at = edge) => fetch(`${at.url}/races/oval/segments${path}`, init);
const list = async () =>
  (await get('')).json() as Promise<{ segments: { id: string; ticks: number[] }[]; head: object }>;
const ids = async () => (await list()).segments.map(({ id }) => id);
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());

/** The state at every tick of a segment, from its bytes and the catalogue alone. */
function play(bytes: Uint8Array, catalogue = stage.writer.catalogue) {
  const { head, records } = decodePollAnswer(bytes);
  expect(head).toMatchObject({ kind: 'segment', catalogue: catalogue.hash, race: 'oval' });
  const first = decodeKeyframe(records[0]!.message, catalogue);
  let { field } = first;
  let document = unpack(first.doc) as object;
  const states = new Map<number, { field: Field; document: unknown }>([[first.head.tick, { field, document }]]);
  for (const { message } of records.slice(1)) {
    const { type, tick } = readStreamHead(message);
    if (type === STREAM_MESSAGE.tick) field = applyTick(message, catalogue, field).field;
    else document = applyPatch(document, unpack(decodeDocPatch(message).patch)) as object;
    states.set(tick, { field, document });
  }
  return states;
}

function expectTruth(states: ReturnType<typeof play>): void {
  const last = Math.max(...states.keys());
  for (const [tick, { field, document }] of states) {
    const told = truth.get(tick);
    if (!told) continue;
    expect(digestField(field)).toBe(digestField(told.field));
    // The document of the last tick is published behind it, and is part of the next segment's keyframe.
    if (tick < last) expect(document).toEqual(told.document);
  }
}

describe('segments of a race', () => {
  it('are listed when they are finished, with the laps and stops of the race', async () => {
    const { segments, head } = await list();
    expect(segments.map(({ ticks }) => ticks)).toEqual([
      [0, 20],
      [20, 40],
      [40, 60],
    ]);
    expect(head).toMatchObject({ tick: 70 });
    await stage.publisher.put(
      stage.writer.docPatch([
        { op: 'add', path: '/laps', value: [{ lap: 2, atMs: stage.writer.closeAtMs(33) }] },
        { op: 'add', path: '/flags', value: 'no list' },
      ]),
    );
    await until('the lap', async () => ((await (await get('')).json()) as { laps: object[] }).laps.length > 0);
    expect(await (await get('')).json()).toMatchObject({ laps: [{ lap: 2, tick: 33 }], flags: [], pitStops: [] });
  });

  it('hold the state at every tick, and lead from one to the next without a seam', async () => {
    const { segments } = await list();
    let before: ReturnType<typeof play> | undefined;
    for (const { id, ticks } of segments) {
      const response = await get(`/${id}`);
      expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      const states = play(await bytesOf(response));
      expect([...states.keys()]).toEqual(Array.from({ length: 21 }, (_, n) => ticks[0]! + n));
      expectTruth(states);
      const seam = before?.get(ticks[0]!);
      if (seam) expect(digestField(seam.field)).toBe(digestField(states.get(ticks[0]!)!.field));
      before = states;
    }
  });

  it('are the same bytes on every edge, in every encoding, and are not sent again to who has them', async () => {
    const other = await stage.edgeAtHead();
    const [id] = await ids();
    const plain = await bytesOf(await get(`/${id}`, { headers: { 'Accept-Encoding': 'identity' } }));
    for (const encoding of ['identity', 'br', 'gzip', 'zstd']) {
      const init = { headers: { 'Accept-Encoding': encoding } };
      const [one, two] = await Promise.all([get(`/${id}`, init), get(`/${id}`, init, other)]);
      expect(one.headers.get('content-encoding')).toBe(encoding === 'identity' ? null : encoding);
      expect(one.headers.get('etag')).toBe(two.headers.get('etag'));
      const again = await get(`/${id}`, { headers: { ...init.headers, 'If-None-Match': one.headers.get('etag')! } });
      expect(again.status).toBe(304);
      // This client unpacks the others by itself.
      const unpack = encoding === 'zstd' ? zstdDecompressSync : (bytes: Uint8Array) => bytes;
      for (const response of [one, two]) expect(Buffer.compare(unpack(await bytesOf(response)), plain)).toBe(0);
    }
  });

  it('that are not finished, or never were, are none', async () => {
    const { epoch } = stage.writer;
    for (const id of [`${epoch}-3`, `${epoch}-99`, 'nonsense', '', '..%2f', 'x'.repeat(500)]) {
      const response = await get(`/${id}`);
      expect([response.status, response.headers.get('cache-control')]).toEqual([404, 'no-store']);
    }
    expect((await fetch(`${edge.url}/races/nowhere/segments`)).status).toBe(404);
    await run(10);
    await until('the segment is finished', async () => (await get(`/${epoch}-3`)).status === 200);
    expectTruth(play(await bytesOf(await get(`/${epoch}-3`))));
  });

  it('of an epoch in another catalogue can be had when the race has gone on without it', async () => {
    const { epoch, catalogue } = stage.writer;
    stage.writer.startAnew('feedfeedfeedfeed');
    stage.writer.changeCatalogue(testCatalogue('other', 12));
    truth.clear();
    await stage.publisher.putCatalogue();
    await stage.publisher.put(stage.writer.nextTick(), stage.writer.keyframe());
    await run(45);
    const late = await stage.edgeAtHead();
    const { segments } = (await (await get('', {}, late)).json()) as { segments: { id: string }[] };
    expect(segments.map(({ id }) => id)).toEqual([
      ...[0, 1, 2].map((n) => `${epoch}-${n}`),
      ...[0, 1].map((n) => `feedfeedfeedfeed-${n}`),
    ]);
    expect(play(await bytesOf(await get(`/${epoch}-1`, {}, late)), catalogue).size).toBe(21);
    expect((await fetch(`${late.url}/catalogue/${catalogue.hash}`)).status).toBe(200);
    expectTruth(play(await bytesOf(await get('/feedfeedfeedfeed-1', {}, late))));
  });

  it('asked for by a crowd at once are read once', async () => {
    const [id] = await ids();
    const answers = await Promise.all(
      Array.from({ length: 300 }, async () => (await bytesOf(await get(`/${id}`))).length),
    );
    expect(new Set(answers).size).toBe(1);
  });

  it('cannot be had while NATS is away, but for those that are remembered; fans are not touched', async () => {
    const fan = await stage.fanIn(edge);
    const [first, second] = await ids();
    await get(`/${first}`);
    await stage.nats.kill();
    expect((await get(`/${first}`)).status).toBe(200);
    expect((await get(`/${second}`)).status).toBe(503);
    await stage.nats.restart();
    await until('it is back', async () => (await get(`/${second}`)).status === 200);
    await run(3);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
  });
});
