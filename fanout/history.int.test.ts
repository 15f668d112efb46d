import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dequantise } from '../protocol/quantise.ts';
import type { Edge } from './edge.ts';
import { Stage } from './testing/stage.ts';
import { until } from './testing/until.ts';

let stage: Stage;
let edge: Edge;

beforeEach(async () => {
  stage = await Stage.set();
  await stage.publisher.begin();
  await stage.publisher.run(329);
  edge = await stage.edgeAtHead();
});
afterEach(() => stage.strike());

interface Chart {
  readonly epoch: string;
  readonly ticksEach: number;
  readonly t: number[];
  readonly channels: Record<string, (number | null)[]>;
}

const get = (query: string, at = edge) => fetch(`${at.url}/races/oval/history?${query}`);
const ask = async (query: string, at = edge) => {
  const response = await get(query, at);
  expect(response.status).toBe(200);
  return { chart: (await response.json()) as Chart, cache: response.headers.get('cache-control') };
};
const at = (tick: number) => stage.writer.closeAtMs(tick);

/** What was published of a channel of a car in ticks. */
function truth(car: string, key: string, first: number, last: number) {
  const { catalogue, fields } = stage.writer;
  const index = catalogue.indexOf(key)!;
  return Array.from({ length: last - first + 1 }, (_, n) => {
    const { cars, states } = fields.get(first + n)!;
    const state = states[cars.indexOf(car)];
    return state ? dequantise(catalogue.channels[index]!, state[index]!) : null;
  });
}

const expectTruth = ({ t, channels }: Chart, car: string, first: number, last: number) => {
  expect(t).toEqual(Array.from({ length: last - first + 1 }, (_, n) => at(first + n)));
  for (const [key, values] of Object.entries(channels)) expect(values).toEqual(truth(car, key, first, last));
};

describe('the history of a car', () => {
  it('is what was published, tick for tick, out of the stream and of the memory of the edge', async () => {
    for (const car of ['0', '3']) {
      const { chart, cache } = await ask(`car=${car}&channels=c0,c7,c9&points=2000`);
      expect(Object.keys(chart.channels)).toEqual(['c0', 'c7', 'c9']);
      expect(chart).toMatchObject({ epoch: stage.writer.epoch, ticksEach: 1 });
      expectTruth(chart, car, 0, 329);
      expect(cache).toBe('public, max-age=2');
    }
    expect(truth('3', 'c0', 0, 329)).toContain(null);
  });

  it('of a time is final when the time is, and the same on every edge', async () => {
    const other = await stage.edgeAtHead();
    for (const [from, to] of [
      [0, 19],
      [37, 205],
      [60, 60],
    ] as const) {
      const query = `car=1&channels=c2&points=2000&from=${at(from)}&to=${at(to)}`;
      const { chart, cache } = await ask(query);
      expectTruth(chart, '1', from, to);
      expect(cache).toBe('public, max-age=31536000, immutable');
      expect((await ask(query, other)).chart).toEqual(chart);
      expect((await ask(query)).chart).toEqual(chart);
    }
    const growing = await ask(`car=1&channels=c2&points=2000&from=${at(300)}&to=${at(325)}`);
    expectTruth(growing.chart, '1', 300, 325);
    expect(growing.cache).toBe('public, max-age=2');
    const future = await ask(`car=1&channels=c2&from=${at(1000)}&to=${at(2000)}`);
    expect(future).toMatchObject({ chart: { t: [], channels: { c2: [] } }, cache: 'public, max-age=2' });
  });

  it('for a screen has the peaks of every stretch', async () => {
    const { chart } = await ask(`car=2&channels=c1&points=20&from=${at(0)}&to=${at(299)}`);
    expect([chart.t.length, chart.ticksEach]).toEqual([20, 30]);
    const all = truth('2', 'c1', 0, 299);
    for (let n = 0; n < 10; n++) {
      const stretch = all.slice(30 * n, 30 * n + 30).filter((value) => value !== null);
      const rows = chart.channels.c1!.slice(2 * n, 2 * n + 2).map(Number);
      expect([Math.min(...rows), Math.max(...rows)]).toEqual([Math.min(...stretch), Math.max(...stretch)]);
      expect(chart.t.slice(2 * n, 2 * n + 2)).toEqual([at(30 * n), at(30 * n + 29)]);
    }
  });

  it('can be had of an edge that has not seen all of the unfinished segment', async () => {
    // A keyframe out of turn: an edge that begins now has nothing before it.
    await stage.publisher.put(stage.writer.keyframe());
    await stage.publisher.run(3);
    const late = await stage.edgeAtHead();
    expectTruth((await ask('car=0&channels=c4&points=2000', late)).chart, '0', 0, 332);
  });

  it('comes compressed, and not again to who has it', async () => {
    const query = `car=1&channels=c2&from=${at(0)}&to=${at(99)}`;
    const headers = { 'Accept-Encoding': 'br' };
    const response = await fetch(`${edge.url}/races/oval/history?${query}`, { headers });
    expect(response.headers.get('content-encoding')).toBe('br');
    expectTruth((await response.json()) as Chart, '1', 0, 99);
    const known = { ...headers, 'If-None-Match': response.headers.get('etag')! };
    expect((await fetch(`${edge.url}/races/oval/history?${query}`, { headers: known })).status).toBe(304);
  });

  it('is refused with what is wrong with the question', async () => {
    const wrong: [query: string, status: number, message: RegExp][] = [
      ['channels=c0', 400, /^car must be the id of a car, but is missing\.$/],
      ['car=../1&channels=c0', 400, /^car must be the id of a car, but is "\.\.\/1"\.$/],
      ['car=99&channels=c0', 404, /^There is no car 99 in race oval\.$/],
      ['car=1', 400, /^channels must be a list of 1 to 8 channels of the catalogue \w+, but is missing\.$/],
      ['car=1&channels=c0,nitro', 400, /but is "c0,nitro"\.$/],
      ['car=1&channels=__proto__', 400, /but is "__proto__"\.$/],
      ['car=1&channels=c0,c1,c2,c3,c4,c5,c6,c7,c8', 400, /^channels must be a list of 1 to 8/],
      ['car=1&channels=c0&points=1', 400, /^points must be a whole number from 2 to 2000, but is "1"\.$/],
      ['car=1&channels=c0&points=1e3', 400, /^points must be /],
      ['car=1&channels=c0&from=yesterday', 400, /^from must be a whole number from 0 to /],
      ['car=1&channels=c0&from=5&to=4', 400, /^to must be at or after from, 5, but is "4"\.$/],
    ];
    for (const [query, status, message] of wrong) {
      const response = await get(query);
      expect([response.status, response.headers.get('cache-control')]).toEqual([status, 'no-store']);
      expect(((await response.json()) as { message: string }).message).toMatch(message);
    }
    expect((await fetch(`${edge.url}/races/nowhere/history?car=1&channels=c0`)).status).toBe(404);
  });

  it('is asked for by a crowd: those that are too many come back later, and live fans notice nothing', async () => {
    const fan = await stage.fanIn(edge);
    const answers = Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        const response = await get(`car=${n % 5}&channels=c${n % 10}&points=2000&to=${at(299)}`);
        if (response.status === 200) expectTruth((await response.json()) as Chart, `${n % 5}`, 0, 299);
        else expect(response.headers.get('retry-after')).toBe('1');
        return response.status;
      }),
    );
    await stage.publisher.run(25);
    const statuses = new Set(await answers);
    expect([...statuses].every((status) => status === 200 || status === 503)).toBe(true);
    expect(statuses).toContain(200);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
  });

  it('that was read is there while NATS is away; what was not is not', async () => {
    const query = `car=1&channels=c2&points=2000&from=${at(0)}&to=${at(199)}`;
    const before = (await ask(query)).chart;
    await stage.nats.kill();
    expect((await ask(query)).chart).toEqual(before);
    expect((await get(`car=1&channels=c3&from=${at(0)}&to=${at(199)}`)).status).toBe(503);
    await stage.nats.restart();
    await until('it is back', async () => (await get(`car=1&channels=c3&from=${at(0)}&to=${at(199)}`)).status === 200);
  });
});
