import { basename } from 'node:path';
import type { Catalogue } from '../../protocol/catalogue.ts';
import { bytesOfFile } from '../bytes-of-file.ts';
import { isObject, timeOf } from '../feed-fields.ts';
import type { Feed, Moment } from '../feed-race.ts';
import { UNDATED_MS } from '../recorded-race.ts';
import { splitLines } from './lines.ts';
import { LiveRace } from './live-race.ts';
import { inflateTopic, Telemetry } from './telemetry.ts';

/** The first answer to a subscription, with all that is known, has 150 kB. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;
/** A text dump says within so many messages what the time is. */
const MAX_UNDATED = 2000;

const LINE = /^(\d\d):(\d\d):(\d\d)\.(\d{3})(\{.*)$/;

/** A message of a dump: so long after its beginning, ms. */
interface Message {
  readonly offsetMs: number;
  readonly topic: string;
  readonly payload: unknown;
}

/**
 * Reads a dump of Formula 1 live timing: lines of `HH:MM:SS.mmm{"stream": …, "payload": …}` since its beginning, or one JSON
 * object with all topics, as a subscription is answered.
 */
export function readF1LiveFeed(path: string, catalogue: Catalogue): Feed {
  const race = new LiveRace(catalogue);
  return {
    name: basename(path),
    moments: readMoments(path, race),
    tick: (sink, closeAtMs) => race.tick(sink, closeAtMs),
  };
}

async function* readMoments(path: string, race: LiveRace): AsyncGenerator<Moment> {
  const name = basename(path);
  const lines = splitLines(bytesOfFile(path), MAX_LINE_BYTES);
  const first = await lines.next();
  if (first.done) return;
  if (first.value?.startsWith('{')) yield await readAnswer(first.value, lines, race, name);
  else yield* readDump(first.value, lines, race, name);
}

/** One object, on one line or on many. */
async function readAnswer(
  first: string,
  lines: AsyncGenerator<string | undefined>,
  race: LiveRace,
  name: string,
): Promise<Moment> {
  const texts = [first];
  let bytes = first.length;
  for await (const line of lines) {
    bytes += line?.length ?? MAX_LINE_BYTES;
    if (bytes > 2 * MAX_LINE_BYTES) return wrong(`${name} is longer than an answer can be`);
    texts.push(line!);
  }
  const topics = parseObject(texts.join('\n'));
  if (!topics) return wrong(`${name} is no JSON object`);
  const atMs = timeOfAnswer(topics);
  return {
    atMs,
    apply: (sink) => {
      for (const [topic, payload] of Object.entries(topics)) race.take(topic, payload, atMs, sink);
    },
  };
}

/** When the cars were where an answer says, or when it came. */
function timeOfAnswer(topics: Record<string, unknown>): number {
  const nothing = { unused() {}, malformed() {} };
  const times = ['CarData.z', 'Position.z'].flatMap((topic) => {
    const payload = Object.hasOwn(topics, topic) ? inflateTopic(nothing, topic, topics[topic]) : undefined;
    return Telemetry.firstMs(payload) ?? [];
  });
  if (times.length > 0) return Math.min(...times);
  return (isObject(topics.Heartbeat) ? timeOf(topics.Heartbeat.Utc) : undefined) ?? UNDATED_MS;
}

async function* readDump(
  first: string | undefined,
  lines: AsyncGenerator<string | undefined>,
  race: LiveRace,
  name: string,
): AsyncGenerator<Moment> {
  /** Messages before the first one that says what the time is. */
  let early: Message[] | undefined = [];
  let beginMs = UNDATED_MS;
  const momentOf = ({ offsetMs, topic, payload }: Message): Moment => {
    const atMs = beginMs + offsetMs;
    return { atMs, apply: (sink) => race.take(topic, payload, atMs, sink) };
  };
  let number = 0;
  for await (const line of chain(first, lines)) {
    number++;
    // The name of what was dumped.
    if (line === '' || line?.startsWith('URL:')) continue;
    const message = line === undefined ? undefined : parseLine(line);
    if (!message) {
      yield wrong(`Line ${number} of ${name} is no message of live timing`);
      continue;
    }
    if (!early) {
      yield momentOf(message);
      continue;
    }
    early.push(message);
    const saidMs = clockOf(message);
    if (saidMs === undefined && early.length < MAX_UNDATED) continue;
    if (saidMs !== undefined) beginMs = saidMs - message.offsetMs;
    yield* early.map(momentOf);
    early = undefined;
  }
  yield* (early ?? []).map(momentOf);
}

async function* chain(first: string | undefined, rest: AsyncGenerator<string | undefined>) {
  yield first;
  yield* rest;
}

function parseLine(line: string): Message | undefined {
  const match = LINE.exec(line);
  const object = match && parseObject(match[5]!);
  if (!object || typeof object.stream !== 'string' || object.payload === undefined) return undefined;
  const [hours, minutes, seconds, ms] = match.slice(1, 5).map(Number) as [number, number, number, number];
  const offsetMs = ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
  return { offsetMs, topic: object.stream, payload: object.payload };
}

/** What a message says of the time of day. */
function clockOf({ topic, payload }: Message): number | undefined {
  const saysIt = topic === 'ExtrapolatedClock' || topic === 'Heartbeat';
  return saysIt && isObject(payload) ? timeOf(payload.Utc) : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const wrong = (what: string): Moment => ({ atMs: undefined, apply: (sink) => sink.malformed(`${what}.`) });
