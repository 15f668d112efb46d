import { expect, it } from 'vitest';
import { RaceWriter } from '../../fanout/testing/publisher.ts';
import { encodePollAnswer, type StreamRecord } from '../../protocol/poll-answer.ts';
import type { Fetch } from './fetch.ts';
import { PastReader } from './past-reader.ts';

const writer = new RaceWriter({ cars: 3 });
const { epoch, catalogue } = writer;
const documents: unknown[] = [];
const records: StreamRecord[] = [];
const keyframes: number[] = [];
for (let tick = 0; tick <= 100; tick++) {
  for (const { kind, bytes } of writer.next()) {
    if (kind === 'keyframe') keyframes.push(records.length);
    records.push({ seq: records.length + 1, message: bytes });
  }
  documents.push(writer.document);
}
const segment = (number: number) => ({
  id: `${epoch}-${number}`,
  epoch,
  ticks: [number * 20, number * 20 + 20],
  closeAtMs: [number * 20, number * 20 + 20].map((tick) => writer.closeAtMs(tick)),
});
const at = (seq: number) => `${epoch}:${seq}`;

function bytesOf(number: number, mine: readonly StreamRecord[] = []): Uint8Array {
  const own = mine.length > 0 ? mine : records.slice(keyframes[number], keyframes[number + 1]);
  const head = { race: 'oval', epoch, catalogue: catalogue.hash, tickMs: 500, kind: 'segment', ticks: 20 } as const;
  return encodePollAnswer({ ...head, from: at(own[0]!.seq), to: at(own.at(-1)!.seq) }, own);
}

/** Edges that have the first `finished` segments; `wrong` answers in place of the right answer. */
function reader(finished: number, wrong: (path: string) => Response | undefined = () => undefined) {
  const asked: string[] = [];
  const fetch: Fetch = async (url) => {
    const path = url.split('/races/oval/')[1] ?? '';
    if (url.includes('/catalogue/')) return new Response(catalogue.json);
    asked.push(path);
    const list = { tickMs: 500, epoch, segments: Array.from({ length: finished }, (_, n) => segment(n)) };
    const found = wrong(path);
    if (found) return found;
    return path === 'segments'
      ? new Response(JSON.stringify(list))
      : new Response(bytesOf(Number(path.split('-')[1])) as BodyInit);
  };
  return { asked, past: new PastReader({ bases: ['http://edge/'], race: 'oval', fetch, now: Date.now }) };
}

async function play(past: PastReader, from: number, count: number): Promise<void> {
  let tick = from;
  for await (const { head, field, document } of past.play({ epoch, tick: from }, new AbortController().signal)) {
    expect([head.tick, field, document]).toEqual([tick, writer.fields.get(tick), documents[tick]]);
    if (++tick === from + count) return;
  }
}

it('gives every tick of the segments as it was, fetches one ahead and none twice', async () => {
  const { past, asked } = reader(5);
  await play(past, 7, 90);
  expect(asked).toEqual(['segments', ...Array.from({ length: 5 }, (_, n) => `segments/${epoch}-${n}`)]);
});

it.each<[string, () => Response, RegExp]>([
  ['a status', () => new Response('{}', { status: 503 }), /status 503/],
  ['a segment that was cut', () => new Response(bytesOf(1).slice(0, -3)), /ends/],
  [
    'no keyframe',
    () => new Response(bytesOf(1, records.slice(keyframes[1]! - 1, keyframes[1])) as BodyInit),
    /keyframe/,
  ],
  ['another segment', () => new Response(bytesOf(2) as BodyInit), /another one/],
  ['a falsified tick', () => new Response(falsified() as BodyInit), /digest/],
  ['more bytes than there can be', () => new Response(new Uint8Array(33 * 1024 * 1024)), /more than/],
])('shows nothing of %s in place of a segment', async (_, answer, message) => {
  const { past } = reader(3, (path) => (path.endsWith('-1') ? answer() : undefined));
  await expect(play(past, 20, 21)).rejects.toThrow(message);
});

/** A bit of the last tick is turned. */
function falsified(): Uint8Array {
  const own = records.slice(keyframes[1], keyframes[2]);
  const last = own.at(-1)!;
  return bytesOf(1, [...own.slice(0, -1), { ...last, message: last.message.with(26, last.message[26]! ^ 1) }]);
}
