import { expect, it } from 'vitest';
import type { HistoryQuestion } from './history.ts';
import { HistoryReader } from './history-reader.ts';

const QUESTION: HistoryQuestion = { car: '24', channels: ['speed'], fromMs: 0, toMs: 1000, points: 10 };
const BODY = { race: 'de mo', epoch: '00000000000000aa', car: '24', tickMs: 500, ticksEach: 1 };
const good = () => Response.json({ ...BODY, t: [0, 500], channels: { speed: [1, null] } });
const busy = () => Response.json({ error: 'not_ready' }, { status: 503, headers: { 'Retry-After': '0' } });
const never = new AbortController().signal;

/** Two edges that answer in turn with what is given, the last of it again and again. */
function open(...answers: (() => Response)[]) {
  const asked: string[] = [];
  const fetch = async (url: string) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)]!;
    asked.push(url);
    return answer();
  };
  const bases = ['http://a/', 'http://b/below/'];
  return { asked, reader: new HistoryReader({ bases, race: 'de mo', fetch, now: Date.now }) };
}

it('asks an edge, and the next one where that is busy, away or no edge', async () => {
  const away = () => {
    throw new TypeError('no network');
  };
  const proxy = () => new Response('<html>', { status: 404 });
  const { asked, reader } = open(busy, away, proxy, good);
  expect((await reader.read(QUESTION, never)).channels.get('speed')).toEqual([1, null]);
  expect(asked[0]).toBe('http://a/races/de%20mo/history?car=24&channels=speed&from=0&to=1000&points=10');
  expect(asked.map((url) => new URL(url).host)).toEqual(['a', 'b', 'a', 'b']);
  await reader.read(QUESTION, never);
  expect(new URL(asked[4]!).host).toBe('b');
});

it('gives up when no edge answers, and says that it may be asked again', async () => {
  const { asked, reader } = open(busy);
  await expect(reader.read(QUESTION, never)).rejects.toMatchObject({ code: 'no_past', retryable: true });
  expect(asked).toHaveLength(4);
});

it('asks no further where an edge refuses for good, or answers something else', async () => {
  const refused = open(() => Response.json({ error: 'unknown_car', message: 'No car 24.' }, { status: 404 }));
  await expect(refused.reader.read(QUESTION, never)).rejects.toMatchObject({
    code: 'bad_query',
    message: 'No car 24.',
  });
  const wrong = open(() => Response.json({ ...BODY, t: [0], channels: {} }));
  await expect(wrong.reader.read(QUESTION, never)).rejects.toMatchObject({ code: 'bad_answer' });
  const large = open(() => new Response(new Uint8Array(3_000_000)));
  await expect(large.reader.read(QUESTION, never)).rejects.toMatchObject({ code: 'bad_answer' });
  expect([refused.asked.length, wrong.asked.length, large.asked.length]).toEqual([1, 1, 1]);
});

it('ends when it is told to, also while it waits', async () => {
  const ended = new AbortController();
  const { asked, reader } = open(() => {
    queueMicrotask(() => ended.abort());
    return busy();
  });
  await expect(reader.read(QUESTION, ended.signal)).rejects.toMatchObject({ name: 'AbortError' });
  expect(asked).toHaveLength(1);
});

it.each<Partial<HistoryQuestion>>([
  { car: 'no car' },
  { channels: [] },
  { channels: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'] },
  { channels: ['Speed'] },
  { channels: ['speed,rpm'] },
  { fromMs: 0.5 },
  { fromMs: -1 },
  { fromMs: 1001 },
  { toMs: Number.NaN },
  { points: 1 },
  { points: 2001 },
  { points: 2.5 },
])('refuses %j without asking', async (wrong) => {
  const { asked, reader } = open(good);
  await expect(reader.read({ ...QUESTION, ...wrong }, never)).rejects.toMatchObject({ code: 'bad_option' });
  expect(asked).toEqual([]);
});
