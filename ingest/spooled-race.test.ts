import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RaceDocument } from '../protocol/document.ts';
import { digestField, type Field } from '../protocol/field.ts';
import { quantise } from '../protocol/quantise.ts';
import { encodePreamble, encodeTickMessage, encodeTrailers, RACE_START, type RacePoint } from './race-publisher.ts';
import { Spool } from './spool.ts';
import { resumeSpool } from './spooled-race.ts';
import { readTestCatalogue } from './test-catalogues.ts';

const catalogue = readTestCatalogue('formula-1');
const run = {
  epoch: '0123456789abcdef',
  catalogue,
  subjects: { catalogue: 'r.catalogue', tick: 'r.tick', keyframe: 'r.keyframe', doc: 'r.doc' },
};

let folder: string;
let spool: Spool;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipstream-spool-'));
  spool = open();
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = () => new Spool({ folder, race: 'r', maxBytes: 1e7, segmentBytes: 20_000 });
const resume = (by = catalogue) => resumeSpool(open(), by, (_, words) => said.push(words));

const fieldOf = (tick: number): Field => ({
  cars: ['1', '2'],
  states: [1, 2].map((car) =>
    Int32Array.from(catalogue.channels, (channel, n) =>
      quantise(channel, channel.min + ((channel.max - channel.min) * ((tick * car + n) % 50)) / 50),
    ),
  ),
});
const documentOf = (tick: number) => ({ lap: Math.floor(tick / 3) }) as unknown as RaceDocument;

/** The messages of each tick, and where the race stands after it. */
function drive(ticks: number) {
  const made = [];
  let point: RacePoint = RACE_START;
  for (let tick = 0; tick < ticks; tick++) {
    const next = { field: fieldOf(tick), document: documentOf(tick), closeAtMs: 1000 + tick * 500 };
    const trailers = encodeTrailers(run, point, next, tick === 0);
    const tickMessage = encodeTickMessage(run, point, next.field, next.closeAtMs);
    made.push({ messages: [...encodePreamble(run, point), tickMessage, ...trailers.messages], point: trailers.point });
    point = trailers.point;
  }
  return made;
}

function write(messages: ReturnType<typeof drive>[number]['messages']): void {
  spool.begin({ epoch: run.epoch, catalogue: catalogue.hash }, new Map());
  for (const message of messages) spool.append(message);
  spool.close();
}

describe('a race goes on from its spool', () => {
  it('where it stood, wherever the spool begins and however many files it has', () => {
    const made = drive(60);
    const all = made.flatMap(({ messages }) => messages);
    const { point } = made.at(-1)!;
    for (const from of [0, 1, 2, 3, 50, all.length - 2, all.length - 1]) {
      write(all.slice(from));
      const { standstill, left } = resume()!;
      expect(left.end, `from ${from}`).toBe(all.length - from);
      const { tick, closeAtMs, document, docRevision } = point;
      expect(standstill).toMatchObject({ epoch: run.epoch, tick, closeAtMs, document, docRevision });
      expect(digestField(standstill.field)).toBe(digestField(point.field));
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
      spool = open();
    }
    expect(said).toEqual([]);
  });

  it('but not in another catalogue, nor over a hole, and leaves it for NATS then', () => {
    write(drive(5).flatMap(({ messages }) => messages));
    expect(resume(readTestCatalogue('stock-car'))).toBeUndefined();
    expect(said.join()).toContain('before NATS is there: It is in another catalogue.');
    expect(resume()).toBeDefined();
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    spool = open();
    said = [];
    write(drive(9).flatMap(({ messages }, tick) => (tick === 4 ? [] : messages)));
    expect(resume()).toBeUndefined();
    expect(said.join()).toMatch(/tick 5 of epoch 0123456789abcdef, but tick 4/);
    expect(readdirSync(folder)).toHaveLength(1);
  });
});
