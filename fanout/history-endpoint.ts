import type { Catalogue } from '../protocol/catalogue.ts';
import { describeValue, ProtocolError } from '../protocol/errors.ts';
import { isCarId } from '../protocol/field.ts';
import { EncodedBody } from './encoded-body.ts';
import type { HistoryQuestion } from './history.ts';
import { thin } from './history-points.ts';
import type { Races } from './races.ts';
import { type Ask, answerError, answerPastUnread, type Reply } from './reply.ts';

const MAX_CHANNELS = 8;
const POINTS = { fewest: 2, most: 2000, usual: 1000 };
/** Times in the protocol have 48 bits. */
const LATEST_MS = 2 ** 48 - 1;

const JSON_TYPE = { 'Content-Type': 'application/json; charset=utf-8' };
const FINAL = { ...JSON_TYPE, 'Cache-Control': 'public, max-age=31536000, immutable' };
const GROWING = { ...JSON_TYPE, 'Cache-Control': 'public, max-age=2' };

/** Answers `/races/<race>/history?car=24&channels=speed,rpm&from=…&to=…&points=…`. */
export async function answerHistory(ask: Ask, races: Races, name: string): Promise<Reply> {
  const race = await races.find(name);
  if (race === 'unknown') return answerError(ask, 404, 'unknown_race', 'There is no such race here; see /races.');
  if (race === 'unsure' || !race.state?.head) return answerPastUnread(ask);
  const { state } = race;
  try {
    const { points, isBounded, ...question } = readQuestion(ask.query, state.catalogue);
    const { car, channels } = question;
    if (!state.head!.field.cars.includes(car))
      return answerError(ask, 404, 'unknown_car', `There is no car ${car} in race ${name}.`);
    const answer = await race.history.ask(question, state);
    if (answer === 'busy') return answerPastUnread(ask);
    if (answer === 'too_long')
      throw new ProtocolError('bad_query', 'The time from from to to must be at most a day of ticks; ask for less.');
    const { atMs, columns, ticksEach } = thin(answer.series, points);
    const body = JSON.stringify({
      ...{ race: name, epoch: answer.epoch, car, tickMs: race.tickMs, ticksEach, t: atMs },
      channels: Object.fromEntries(channels.map((key, n) => [key, columns[n]!])),
    });
    const headers = answer.isFinal && isBounded ? FINAL : GROWING;
    const whole = new EncodedBody(new TextEncoder().encode(`${body}\n`), headers);
    return { ...(await whole.answer(ask)), isPatient: true };
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'bad_query')
      return answerError(ask, 400, error.code, error.message);
    race.noteUnread(error);
    return answerPastUnread(ask);
  }
}

interface ChartQuestion extends HistoryQuestion {
  readonly points: number;
  /** Whether both ends were given: else the same question means another time tomorrow. */
  readonly isBounded: boolean;
}

/** @throws {ProtocolError} `bad_query` names the parameter, the value and what is allowed. */
function readQuestion(query: string, catalogue: Catalogue): ChartQuestion {
  const params = new URLSearchParams(query);
  const refuse = (name: string, rule: string): never => {
    throw new ProtocolError(
      'bad_query',
      `${name} must be ${rule}, but is ${describeValue(params.get(name) ?? undefined)}.`,
    );
  };
  const readInteger = (name: string, low: number, high: number, missing: number): number => {
    const text = params.get(name);
    if (text === null) return missing;
    const value = Number(text);
    const isGood = /^\d{1,15}$/.test(text) && value >= low && value <= high;
    return isGood ? value : refuse(name, `a whole number from ${low} to ${high}`);
  };
  const car = params.get('car') ?? '';
  if (!isCarId(car)) refuse('car', 'the id of a car');
  const channels = [...new Set((params.get('channels') ?? '').split(','))];
  const isKnown = channels.every((key) => catalogue.indexOf(key) !== undefined);
  if (channels.length > MAX_CHANNELS || !isKnown)
    refuse('channels', `a list of 1 to ${MAX_CHANNELS} channels of the catalogue ${catalogue.hash}`);
  const fromMs = readInteger('from', 0, LATEST_MS, 0);
  const toMs = readInteger('to', 0, LATEST_MS, LATEST_MS);
  if (fromMs > toMs) refuse('to', `at or after from, ${fromMs}`);
  const points = readInteger('points', POINTS.fewest, POINTS.most, POINTS.usual);
  return { car, channels, fromMs, toMs, points, isBounded: params.has('from') && params.has('to') };
}
