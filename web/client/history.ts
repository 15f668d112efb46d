import { describeValue, ProtocolError } from '../../protocol/errors.ts';
import { isEpoch } from '../../protocol/position.ts';

/** What is asked of the past of a car. */
export interface HistoryQuestion {
  readonly car: string;
  /** 1 to 8 keys of the catalogue. */
  readonly channels: readonly string[];
  /** Race time of the first and of the last tick that may be in it, Unix ms, whole. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Most rows, 2 to 2000. @defaultValue 1000 */
  readonly points?: number;
}

/** Channels of a car over time. */
export interface CarHistory {
  /** The present life of the race, from which all of it is. */
  readonly epoch: string;
  readonly car: string;
  /** Time between ticks. */
  readonly tickMs: number;
  /** Ticks for which a row or, above 1, a pair of rows stands: the lowest and the highest value in them. */
  readonly ticksEach: number;
  /** Race time of each row, Unix ms, ascending. */
  readonly atMs: readonly number[];
  /** By key, in the order in which they were asked for: a value for each row, `null` while missing. */
  readonly channels: ReadonlyMap<string, readonly (number | null)[]>;
}

type Loose = Record<string, unknown>;

const isAbove0 = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
const isValue = (value: unknown): value is number | null => value === null || Number.isFinite(value);

/**
 * Reads what an edge answers to `/races/<race>/history`.
 * @param question What was asked: an answer to another question is none.
 * @throws {ProtocolError} `bad_answer` says what is wrong with it.
 */
export function readHistory(text: string, race: string, question: Required<HistoryQuestion>): CarHistory {
  let answer: Loose | null;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError('bad_answer', 'The history of a car is no JSON.', { cause });
  }
  const { epoch, car, tickMs, ticksEach, t, channels } = answer ?? {};
  if (answer?.race !== race || car !== question.car)
    return fail(`must be of car ${question.car} in race ${race}, but its car is ${describeValue(car)}`);
  if (typeof epoch !== 'string' || !isEpoch(epoch)) return fail('has an epoch that is none');
  if (!isAbove0(tickMs) || !isAbove0(ticksEach)) return fail('does not say the time between ticks');
  const atMs = readTimes(t, question);
  const columns = question.channels.map((key) => [key, readColumn(channels, key, atMs.length)] as const);
  return { epoch, car: question.car, tickMs, ticksEach, atMs, channels: new Map(columns) };
}

function fail(what: string): never {
  throw new ProtocolError('bad_answer', `The history of a car ${what}.`);
}

function readTimes(times: unknown, { fromMs, toMs, points }: Required<HistoryQuestion>): readonly number[] {
  if (!Array.isArray(times) || times.length > points) return fail(`must have at most ${points} rows`);
  const isTime = (atMs: unknown, n: number): boolean => {
    const earliestMs = n === 0 ? fromMs : times[n - 1];
    return Number.isSafeInteger(atMs) && (atMs as number) >= earliestMs && (atMs as number) <= toMs;
  };
  const wrong = times.findIndex((atMs, n) => !isTime(atMs, n));
  if (wrong < 0) return times;
  return fail(
    `must have ascending times from ${fromMs} to ${toMs}, but row ${wrong} is ${describeValue(times[wrong])}`,
  );
}

function readColumn(channels: unknown, key: string, rows: number): readonly (number | null)[] {
  const isThere = typeof channels === 'object' && channels !== null && Object.hasOwn(channels, key);
  const column = isThere ? (channels as Loose)[key] : undefined;
  if (!Array.isArray(column) || column.length !== rows) return fail(`must have ${rows} values of channel ${key}`);
  const wrong = column.findIndex((value) => !isValue(value));
  return wrong < 0 ? column : fail(`has ${describeValue(column[wrong])} as a value of channel ${key}`);
}
