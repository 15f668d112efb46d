import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { RaceWriter } from '../../fanout/testing/publisher.ts';
import { CLOSE } from '../../protocol/codes.ts';
import type { Hello } from '../../protocol/control.ts';
import { encodePollAnswer, type PollHead } from '../../protocol/poll-answer.ts';
import { loadCatalogue } from './catalogue-store.ts';
import type { Fetch, FetchInit } from './fetch.ts';
import { BROKEN } from './link.ts';
import { PollLink } from './poll-link.ts';

// What hashes a catalogue is a thread of its own, for which no fake clock waits.
beforeAll(async () => {
  const fetch: Fetch = async () => ({ ok: true, status: 200, text: async () => catalogue.json });
  await loadCatalogue(catalogue.hash, 'http://edge/', fetch, new AbortController().signal);
});
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const writer = new RaceWriter({ cars: 3 });
writer.nextTick();
const { epoch, catalogue } = writer;
const AT = `${epoch}:2`;
const FACTS = { race: 'oval', epoch, catalogue: catalogue.hash, tickMs: 500 };
const SNAPSHOT = encodePollAnswer({ ...FACTS, to: AT, kind: 'snapshot', reason: 'first', ticks: 0 }, [
  { seq: 2, message: writer.keyframe().bytes },
]);
const TICK = writer.nextTick().bytes;
const after = (from: string, more: Partial<PollHead>, ...messages: [number, Uint8Array][]) =>
  encodePollAnswer(
    { ...FACTS, kind: 'deltas', from, to: from, ticks: messages.length, ...more },
    messages.map(([seq, message]) => ({ seq, message })),
  );

type Answer = { readonly status?: number; readonly body?: Uint8Array | string } | 'never' | 'fails';

/** A link whose requests are answered from a list, one after another; after its end none is. */
function open(answers: readonly Answer[], hello: Partial<Hello> = {}) {
  const asked: string[] = [];
  const inits: FetchInit[] = [];
  const fetch: Fetch = async (url, init) => {
    asked.push(url.slice('http://edge/'.length));
    inits.push(init);
    const answer = answers[asked.length - 1] ?? 'never';
    if (answer === 'fails') throw new TypeError('no network');
    if (answer === 'never')
      return new Promise((_, reject) => init.signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const { status = 200, body = '' } = answer;
    return new Response(body as BodyInit, { status });
  };
  const heard: string[] = [];
  const lost: [number, string][] = [];
  const all: Hello = { version: 1, watch: [{ car: '0', view: 'full' }], history: 'all', doc: true, rate: 2, ...hello };
  const link = new PollLink(
    fetch,
    { base: new URL('http://edge/'), race: 'oval', hello: all },
    {
      onMessage: (message) => heard.push(typeof message === 'string' ? JSON.parse(message).type : 'frame'),
      onLost: (code, reason) => lost.push([code, reason]),
    },
  );
  return { link, asked, inits, heard, lost, turn: (ms = 0) => vi.advanceTimersByTimeAsync(ms) };
}

it('asks for the race, and then for what follows each answer', async () => {
  const { asked, heard, lost, turn } = open([{ body: SNAPSHOT }, { body: after(AT, { to: `${epoch}:3` }, [3, TICK]) }]);
  await turn();
  expect(asked).toEqual(['races/oval/poll', `races/oval/poll?since=${AT}`, `races/oval/poll?since=${epoch}:3`]);
  expect(heard).toEqual(['welcome', 'repair', 'frame', 'frame', 'frame']);
  expect(lost).toEqual([]);
});

it('waits a second after an answer without ticks, says that the edge is there, and then asks again', async () => {
  const { asked, heard, turn } = open([{ body: SNAPSHOT }, { body: after(AT, {}) }]);
  await turn();
  expect(asked).toHaveLength(2);
  expect(heard.at(-1)).toBe('pong');
  await turn(999);
  expect(asked).toHaveLength(2);
  await turn(1);
  expect(asked).toEqual(['races/oval/poll', `races/oval/poll?since=${AT}`, `races/oval/poll?since=${AT}`]);
});

it.each<[string, Answer, number]>([
  ['a page of some proxy', { body: '<html>Please sign in.</html>' }, BROKEN],
  ['a status of some proxy', { status: 404, body: '<html>Not found.</html>' }, BROKEN],
  ['a race that there is not', { status: 404, body: '{"error":"unknown_race","message":"None."}' }, CLOSE.unknown_race],
  ['an edge that leaves', { status: 503, body: '{"error":"going_away","message":"Stopping."}' }, BROKEN],
  ['a network that fails', 'fails', BROKEN],
  ['what goes on from elsewhere', { body: after(`${epoch}:1`, {}) }, BROKEN],
  ['more bytes than any answer has', { body: new Uint8Array(33 * 1024 * 1024) }, BROKEN],
])('is lost with %s', async (_, answer, code) => {
  const { asked, lost, turn } = open([answer]);
  await turn();
  expect(lost.map(([one]) => one)).toEqual([code]);
  await turn(60_000);
  expect(asked).toHaveLength(1);
});

it('asks for everything anew when an answer does not fit, and gives up when that does not help', async () => {
  const bad = { body: after(AT, { to: `${epoch}:3` }, [3, TICK.with(25, TICK[25]! ^ 1)]) };
  const { asked, heard, lost, turn } = open([{ body: SNAPSHOT }, bad, { body: SNAPSHOT }, bad, { body: 'x' }]);
  await turn();
  const plain = 'races/oval/poll';
  expect(asked).toEqual([plain, `${plain}?since=${AT}`, plain, `${plain}?since=${AT}`, plain]);
  expect(heard.filter((type) => type === 'repair')).toHaveLength(2);
  expect(lost).toHaveLength(1);
});

it('is closed for good where an edge would refuse what is asked for', async () => {
  const { lost, heard, turn } = open([{ body: SNAPSHOT }], { watch: [{ car: '0', view: 'wings' }] });
  await turn();
  expect(lost).toMatchObject([[CLOSE.bad_message, expect.stringContaining('wings')]]);
  expect(heard).toEqual([]);
});

it('asks whether the edge is there past every cache, and takes nothing before it is open', async () => {
  const { link, asked, inits, heard, turn } = open(['never']);
  expect(link.send({ type: 'ping', id: 1 })).toBe(false);
  await turn();
  const other = open([{ body: SNAPSHOT }, 'never', { body: '{}' }]);
  await other.turn();
  expect(other.link.send({ type: 'ping', id: 1 })).toBe(true);
  expect(other.link.send({ type: 'session' } as never)).toBe(false);
  await other.turn();
  // The poll that waits may be on a connection that is dead: it is asked anew over one that lives.
  const poll = `races/oval/poll?since=${AT}`;
  expect(other.asked.slice(1)).toEqual([poll, 'healthz', poll]);
  expect(other.inits[2]).toMatchObject({ cache: 'no-store' });
  expect(other.inits.map(({ signal }) => signal.aborted)).toEqual([false, true, false, false]);
  expect(other.heard.at(-1)).toBe('pong');
  expect(other.lost).toEqual([]);
  expect([asked, inits.length, heard]).toEqual([['races/oval/poll'], 1, []]);
});

it('takes its request back and says nothing more once it is dropped', async () => {
  const { link, inits, heard, lost, turn } = open([{ body: SNAPSHOT }, 'never']);
  await turn();
  const { length } = heard;
  link.send({ type: 'rate', id: 1, rate: 1 });
  link.drop();
  await turn(60_000);
  expect(inits.at(-1)!.signal.aborted).toBe(true);
  expect([heard.length, lost]).toEqual([length, []]);
  expect(vi.getTimerCount()).toBe(0);
});
