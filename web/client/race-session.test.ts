import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Wish } from '../../protocol/control.ts';
import type { Position } from '../../protocol/position.ts';
import type { Fetch } from './fetch.ts';
import type { Page, PageEvent } from './page.ts';
import { RaceSession } from './race-session.ts';
import { openSession } from './session.ts';
import type { SessionClient } from './session-client.ts';

const EPOCH = '0123456789abcdef';

/** An edge in memory with one session, which time can be turned for. */
class MemoryEdge {
  revision = 0;
  text: string | undefined;
  saves = 0;

  readonly fetch: Fetch = async (_, { method, headers = {}, body }) => {
    const answer = (status: number, value: unknown = {}) => ({
      ...{ ok: status < 300, status, headers: { get: () => null }, text: async () => JSON.stringify(value) },
    });
    const session = this.text === undefined ? undefined : JSON.parse(this.text);
    if (method === 'GET') return session ? answer(200, { revision: this.revision, session }) : answer(404);
    this.saves++;
    const isExpected = session ? headers['If-Match'] === `"${this.revision}"` : headers['If-None-Match'] === '*';
    if (!isExpected) return answer(412, { revision: this.revision, session });
    this.text = body;
    return answer(200, { revision: ++this.revision });
  };
}

let edge: MemoryEdge;
let session: SessionClient;
let tell: (event: PageEvent) => void;
let position: Position | undefined;
let chosen: Wish[];
let part: RaceSession;

beforeEach(() => {
  vi.useFakeTimers();
  edge = new MemoryEdge();
  position = undefined;
  chosen = [];
  const page: Page = {
    isHidden: false,
    listen: (hear) => {
      tell = hear;
      return () => {};
    },
  };
  const options = { url: 'http://127.0.0.1:1', fetch: edge.fetch, random: () => 0, page };
  session = openSession(options) as SessionClient;
  const acts = { send: () => true, choose: (wish: Wish) => void chosen.push(wish), position: () => position };
  part = new RaceSession(session, { race: 'demo', answerMs: 1e9, random: () => 0, ...acts });
});
afterEach(() => {
  part.close();
  session.close();
  vi.useRealTimers();
});

const stored = () => edge.text && JSON.parse(edge.text).races.demo?.position?.value;
const read = (seq: number) => {
  position = { epoch: EPOCH, seq };
};

describe('how far a race was read', () => {
  it('is noted once a minute, however many ticks come, and not at all while nothing is stored', async () => {
    for (let n = 1; n <= 120; n++) {
      read(n);
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(edge.saves).toBe(0);
    session.setTvDelay(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect([edge.saves, stored()]).toEqual([1, undefined]);
    for (let n = 1; n <= 600; n++) {
      read(n);
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(edge.saves).toBeGreaterThanOrEqual(10);
    expect(edge.saves).toBeLessThanOrEqual(12);
    const { saves } = edge;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(edge.saves).toBeLessThanOrEqual(saves + 1);
    expect(stored()).toBe(`${EPOCH}:600`);
  });

  it('is noted at once when the page goes out of sight, and when the race is closed', async () => {
    session.setTvDelay(1);
    await vi.advanceTimersByTimeAsync(1000);
    read(7);
    tell('hidden');
    await vi.advanceTimersByTimeAsync(0);
    expect(stored()).toBe(`${EPOCH}:7`);
    tell('shown');
    read(9);
    part.close();
    session.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(stored()).toBe(`${EPOCH}:9`);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the choice of a race', () => {
  it('follows the session each time that it is set, and no other change', async () => {
    session.choose('demo', [{ car: '24' }]);
    session.choose('other', [{ car: '9' }]);
    session.setTvDelay(3);
    session.choose('demo', [{ car: '24' }], ['speed']);
    expect(chosen.map(({ watch, channels }) => [watch[0]?.car, channels?.join()])).toEqual([
      ['24', undefined],
      ['24', 'speed'],
    ]);
  });

  it('is that of another device when that is newer, and is not told twice', async () => {
    session.choose('demo', [{ car: '24' }]);
    await vi.advanceTimersByTimeAsync(1000);
    const watch = [{ car: '48', view: 'full' }];
    const news = { version: 1, races: { demo: { choice: { value: { watch }, atMs: Date.now() + 5000 } } } };
    for (const revision of [2, 2, 3]) part.hear({ type: 'session', status: 'known', revision, session: news });
    expect(chosen.map((wish) => wish.watch[0]?.car)).toEqual(['24', '48']);
  });
});

describe('saving', () => {
  it('gathers what is set within a moment', async () => {
    for (let n = 0; n < 50; n++) session.setTvDelay(n);
    expect(session.status).toBe('saving');
    await vi.advanceTimersByTimeAsync(1000);
    expect([edge.saves, session.status]).toEqual([1, 'saved']);
  });

  it('is tried again, less and less often, for as long as it takes', async () => {
    let tries = 0;
    const fetch: Fetch = (...args) => {
      tries++;
      return tries < 20 ? Promise.reject(new TypeError('fetch failed')) : edge.fetch(...args);
    };
    const lonely = openSession({ url: 'http://127.0.0.1:1', fetch, random: () => 0.5 });
    lonely.setTvDelay(5);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lonely.status).toBe('waiting');
    expect(tries).toBeLessThan(12);
    await vi.advanceTimersByTimeAsync(600_000);
    expect([lonely.status, tries]).toEqual(['saved', 20]);
    lonely.close();
  });
});
