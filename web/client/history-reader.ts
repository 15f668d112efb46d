import { ConfigError, ProtocolError } from '../../protocol/errors.ts';
import { isCarId } from '../../protocol/field.ts';
import type { FetchAnswer } from './fetch.ts';
import { type CarHistory, type HistoryQuestion, readHistory } from './history.ts';
import { type PastSource, pause } from './past-reader.ts';
import { readAll } from './read-all.ts';

const MAX_CHANNELS = 8;
const POINTS = { fewest: 2, most: 2000, usual: 1000 };
/** Eight channels of 2000 rows with all digits are 0.4 MB. */
const MAX_BYTES = 2 * 1024 * 1024;
/** An edge that is busy, or away, is left for the next one so many times. */
const TRIES = 4;
/** How long a busy edge may make us wait. */
const WAIT_MS = { least: 250, most: 5000 };
/** An edge answers one question at a time. */
const ANSWER_WITHIN_MS = 30_000;
const MAX_REFUSAL_BYTES = 4096;
/** With these an edge refuses what no other edge would answer. */
const FINAL: readonly unknown[] = ['bad_query', 'unknown_race', 'unknown_car'];
const KEY = /^[a-z][a-z0-9_]{0,31}$/;

/** Asks equal edges what channels of a car were; the next one where one is busy or away. */
export class HistoryReader {
  readonly #source: PastSource;
  #turn = 0;

  constructor(source: PastSource) {
    this.#source = source;
  }

  /**
   * @throws {ConfigError} `bad_option`: the question breaks a rule; nothing was asked.
   * @throws {ProtocolError} `bad_query`: no such car or channel. `no_past`, which is retryable: no edge can say now.
   *   `bad_answer`: what came is no history.
   */
  async read(asked: HistoryQuestion, signal: AbortSignal): Promise<CarHistory> {
    const question = checkQuestion(asked);
    for (let tries = 1; ; tries++) {
      const answer = await this.#ask(question, signal);
      if (!('waitMs' in answer)) return answer;
      if (tries === TRIES) throw answer.error;
      this.#turn++;
      await pause(answer.waitMs, signal);
    }
  }

  async #ask(question: Required<HistoryQuestion>, signal: AbortSignal): Promise<CarHistory | Failure> {
    const { bases, race, fetch } = this.#source;
    const { car, channels, fromMs, toMs, points } = question;
    const query = new URLSearchParams({ car, channels: channels.join(), from: `${fromMs}`, to: `${toMs}` });
    const path = `races/${encodeURIComponent(race)}/history?${query}&points=${points}`;
    const url = new URL(path, bases[this.#turn % bases.length]!).href;
    let body: Uint8Array;
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
      const answer = await fetch(url, { signal: within });
      if (!answer.ok) return await refusalOf(answer);
      body = await readAll(answer, MAX_BYTES, 'a history of a car');
    } catch (cause) {
      if (signal.aborted || cause instanceof ProtocolError) throw cause;
      return failure('No server could be reached', WAIT_MS.least, cause);
    }
    return readHistory(new TextDecoder().decode(body), race, question);
  }
}

/** Nothing came, but may when it is asked for again. */
interface Failure {
  readonly error: ProtocolError;
  readonly waitMs: number;
}

function failure(what: string, waitMs: number, cause?: unknown): Failure {
  const message = `${what} for the history of a car; ask again later.`;
  return { waitMs, error: new ProtocolError('no_past', message, { retryable: true, cause }) };
}

/** @throws {ProtocolError} `bad_query`: the edge refuses for good. */
async function refusalOf(answer: FetchAnswer): Promise<Failure> {
  const text = new TextDecoder().decode(await readAll(answer, MAX_REFUSAL_BYTES, 'a refusal'));
  let refusal: { error?: unknown; message?: unknown } | null = null;
  try {
    refusal = JSON.parse(text);
  } catch {
    // Not the edge's: whatever stands in between may answer as it likes.
  }
  if (FINAL.includes(refusal?.error)) throw new ProtocolError('bad_query', String(refusal?.message).slice(0, 200));
  const waitS = Number(answer.headers?.get('retry-after') ?? 0);
  const waitMs = Math.min(WAIT_MS.most, Math.max(WAIT_MS.least, waitS * 1000 || 0));
  return failure(`A server answered with status ${answer.status}`, waitMs);
}

/** @throws {ConfigError} `bad_option`. */
function checkQuestion(asked: HistoryQuestion): Required<HistoryQuestion> {
  const { car, channels, fromMs, toMs, points = POINTS.usual } = asked;
  const check = (isGood: boolean, rule: string) => {
    if (!isGood) throw new ConfigError('bad_option', `For a history ${rule}.`);
  };
  const isWhole = Number.isSafeInteger;
  check(typeof car === 'string' && isCarId(car), 'car must be the id of a car');
  const keys = [...new Set(channels)];
  const isList = keys.length >= 1 && keys.length <= MAX_CHANNELS && keys.every((key) => KEY.test(key));
  check(isList, `channels must list 1 to ${MAX_CHANNELS} keys of channels`);
  check(isWhole(fromMs) && isWhole(toMs) && fromMs >= 0, 'fromMs and toMs must be whole numbers of milliseconds');
  check(fromMs <= toMs, `toMs must be at or after fromMs, ${fromMs}`);
  const { fewest, most } = POINTS;
  check(isWhole(points) && points >= fewest && points <= most, `points must be from ${fewest} to ${most}`);
  return { car, channels: keys, fromMs, toMs, points };
}
