import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exportRace } from '../archive/export-race.ts';
import { decodePollAnswer } from '../protocol/poll-answer.ts';
import type { Edge } from './edge.ts';
import { testCatalogue } from './testing/publisher.ts';
import { Stage } from './testing/stage.ts';
import { until } from './testing/until.ts';

let folder: string;
let stage: Stage;
/** Follows the race. */
let live: Edge;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipstream-archives-'));
  stage = await Stage.set();
  await stage.publisher.begin();
  await stage.publisher.run(329);
  live = await stage.edgeAtHead();
});
afterEach(async () => {
  await stage.strike();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes what the stream holds into a file. */
async function exportTo(name: string): Promise<string> {
  const path = join(folder, name);
  const { stream } = stage.publisher;
  await exportRace(stream, (await stream.range())!, path);
  return path;
}

/** An edge that has the files and no race of NATS. */
async function edgeWithFiles(report: (code: string, detail: unknown) => void = () => {}) {
  return stage.edge({ races: ['other'], archives: folder, report });
}

const json = async (edge: Edge, path: string) => (await fetch(`${edge.url}${path}`)).json();
const bytes = async (edge: Edge, path: string) => Buffer.from(await (await fetch(`${edge.url}${path}`)).arrayBuffer());
const racesOf = async (edge: Edge) => (await json(edge, '/races')) as { race: string; state: string }[];
const untilShelved = (edge: Edge, race = 'oval') =>
  until('the archive is known', async () =>
    (await racesOf(edge)).some((one) => one.race === race && one.state === 'finished'),
  );
type Listing = { segments: { id: string }[]; laps: object[]; epoch: string; head: { tick: number } };

describe('the archives of an edge', () => {
  it('are the races that they were: the same segments, charts, document and catalogue as out of the stream', async () => {
    await exportTo('oval.race');
    const edge = await edgeWithFiles();
    await untilShelved(edge);
    const [own, its] = [
      (await json(live, '/races/oval/segments')) as Listing,
      (await json(edge, '/races/oval/segments')) as Listing,
    ];
    expect(own.segments).toHaveLength(16);
    expect(its).toEqual(own);
    for (const { id } of own.segments) {
      const [one, two] = await Promise.all([live, edge].map((each) => bytes(each, `/races/oval/segments/${id}`)));
      expect(Buffer.compare(one!, two!)).toBe(0);
    }
    for (const query of [
      'points=2000',
      `from=${stage.writer.closeAtMs(95)}&to=${stage.writer.closeAtMs(261)}&points=50`,
    ]) {
      const path = `/races/oval/history?car=3&channels=c0,c7&${query}`;
      expect(await json(edge, path)).toEqual(await json(live, path));
    }
    const { document, documentRevision, cars } = (await json(live, '/races/oval')) as Record<string, unknown>;
    expect(await json(edge, '/races/oval')).toMatchObject({ state: 'finished', document, documentRevision, cars });
    const { hash } = stage.writer.catalogue;
    expect(Buffer.compare(await bytes(edge, `/catalogue/${hash}`), await bytes(live, `/catalogue/${hash}`))).toBe(0);
    expect((await fetch(`${edge.url}/races/nowhere`)).status).toBe(404);
    expect((await fetch(`${edge.url}/races/oval/segments/${own.epoch}-16`)).status).toBe(404);
  });

  it('are watched like races that are followed: fans see how they ended, over every way, and may ask for what came before', async () => {
    await exportTo('oval.race');
    const edge = await edgeWithFiles();
    await untilShelved(edge);
    const fan = await stage.fanIn(edge);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
    const text = await (await fetch(`${edge.url}/races/oval/poll.json`)).json();
    expect(text).toMatchObject({ kind: 'snapshot', snapshot: { race: 'oval', tick: stage.writer.tick } });
    // Before the ticks that the edge has at hand, out of the file.
    const { segments } = (await json(edge, '/races/oval/segments')) as { segments: { id: string }[] };
    const first = decodePollAnswer(await bytes(edge, `/races/oval/segments/${segments[1]!.id}`)).head.from;
    const answer = decodePollAnswer(await bytes(edge, `/races/oval/poll?since=${first}`));
    expect(answer.head).toMatchObject({ kind: 'deltas', from: first });
    expect(answer.head.ticks).toBeGreaterThan(50);
  });

  it('stand behind a race that is followed', async () => {
    await exportTo('oval.race');
    await stage.publisher.run(40);
    const edge = await stage.edgeAtHead({ archives: folder });
    await until('the file is known', async () => (await racesOf(edge)).length > 0);
    expect(await racesOf(edge)).toMatchObject([{ race: 'oval', state: 'live', tick: stage.writer.tick }]);
    expect(((await json(edge, '/races/oval/segments')) as Listing).segments).toHaveLength(18);
  });

  it('have every epoch and catalogue that the race had', async () => {
    const { epoch } = stage.writer;
    stage.writer.startAnew('feedfeedfeedfeed');
    stage.writer.changeCatalogue(testCatalogue('other', 12));
    await stage.publisher.putCatalogue();
    await stage.publisher.put(stage.writer.nextTick(), stage.writer.keyframe());
    await stage.publisher.run(45);
    await exportTo('oval.race');
    const edge = await edgeWithFiles();
    await untilShelved(edge);
    const late = await stage.edgeAtHead();
    const { segments } = (await json(edge, '/races/oval/segments')) as Listing;
    expect(segments).toHaveLength(18);
    for (const id of [`${epoch}-3`, 'feedfeedfeedfeed-1']) {
      const path = `/races/oval/segments/${id}`;
      expect(Buffer.compare(await bytes(edge, path), await bytes(late, path))).toBe(0);
    }
  });

  it('may be damaged, cut or none at all: what is intact is there, and what is not is told', async () => {
    const path = await exportTo('oval.race');
    const whole = readFileSync(path);
    const hurt = Buffer.from(whole);
    hurt[Math.floor(whole.length * 0.4)]! ^= 0xff;
    writeFileSync(path, hurt);
    writeFileSync(join(folder, 'none.race'), 'no archive');
    writeFileSync(join(folder, 'notes.txt'), 'not looked at');
    const told: string[] = [];
    const edge = await edgeWithFiles((code) => told.push(code));
    await untilShelved(edge);
    const { segments } = (await json(edge, '/races/oval/segments')) as Listing;
    expect(segments.length).toBeGreaterThan(6);
    expect(segments.length).toBeLessThan(16);
    for (const { id } of segments) {
      const at = `/races/oval/segments/${id}`;
      expect(Buffer.compare(await bytes(edge, at), await bytes(live, at))).toBe(0);
    }
    const chart = (await json(edge, '/races/oval/history?car=3&channels=c0&points=2000')) as { t: number[] };
    expect(chart.t.length).toBeGreaterThan(120);
    expect(told).toContain('archive none.race');
    expect(told).toContain('archive oval.race');
    expect(told).not.toContain('archive notes.txt');
  });

  it('may be replaced while they are served', async () => {
    const path = await exportTo('oval.race');
    const edge = await edgeWithFiles();
    await untilShelved(edge);
    expect(((await json(edge, '/races/oval/segments')) as Listing).segments).toHaveLength(16);
    await stage.publisher.run(40);
    renameSync(await exportTo('new.part'), path);
    await until(
      'the new one is served',
      async () => {
        const { segments } = (await json(edge, '/races/oval/segments')) as Listing;
        return segments.length === 18;
      },
      20_000,
    );
    rmSync(path);
    await until('it is gone', async () => (await fetch(`${edge.url}/races/oval`)).status === 404, 20_000);
    expect(await racesOf(edge)).toEqual([expect.objectContaining({ race: 'other' })]);
  });
});
