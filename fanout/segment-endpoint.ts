import type { RaceDocument } from '../protocol/document.ts';
import { formatPosition } from '../protocol/position.ts';
import { EncodedBody } from './encoded-body.ts';
import type { Race } from './race.ts';
import type { Races } from './races.ts';
import { type Ask, answerError, answerPastUnread, type Reply } from './reply.ts';
import { type Segment, tickAtTime } from './segment-directory.ts';

/** The list grows every ten seconds. */
const LIST = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'public, max-age=2' };

/** Answers `/races/<race>/segments`, and with an id one of them. */
export async function answerSegments(ask: Ask, races: Races, name: string, id: string | undefined): Promise<Reply> {
  const race = await races.find(name);
  if (race === 'unknown') return answerError(ask, 404, 'unknown_race', 'There is no such race here; see /races.');
  if (race === 'unsure') return answerPastUnread(ask);
  try {
    return id === undefined ? await answerList(ask, race) : await answerSegment(ask, race, id);
  } catch (error) {
    race.noteUnread(error);
    return answerPastUnread(ask);
  }
}

async function answerSegment(ask: Ask, race: Race, id: string): Promise<Reply> {
  const body = await race.segments.get(id);
  if (body === 'unknown')
    return answerError(
      ask,
      404,
      'unknown_segment',
      `There is no segment ${id.slice(0, 40)}, or it is not finished yet; see the list.`,
    );
  if (body === 'busy') return answerPastUnread(ask);
  return { ...(await body.answer(ask)), isPatient: true };
}

async function answerList(ask: Ask, race: Race): Promise<Reply> {
  const segments = await race.segments.list();
  const key = `${segments.length} ${segments.at(-1)?.id} ${race.state?.epoch} ${race.state?.docRevision}`;
  return race.segments.listing
    .get(key, () => new EncodedBody(new TextEncoder().encode(`${JSON.stringify(describe(race, segments))}\n`), LIST))
    .answer(ask);
}

function describe(race: Race, segments: readonly Segment[]): Record<string, unknown> {
  const { state, name, tickMs } = race;
  const document = (state?.document ?? {}) as Partial<RaceDocument>;
  const epoch = state?.epoch ?? segments.at(-1)?.epoch;
  const own = segments.filter((segment) => segment.epoch === epoch);
  /** The document is the publisher's: what it holds need not be what it should. */
  const withTick = <T extends object>(list: readonly T[] | undefined, atOf: (one: T) => number) =>
    (Array.isArray(list) ? (list as T[]) : []).map((one) => ({
      ...one,
      tick: tickAtTime(own, atOf(one), tickMs),
    }));
  return {
    race: name,
    tickMs,
    epoch,
    head: state?.head && { tick: state.head.tick, closeAtMs: state.head.closeAtMs, position: formatPosition(state) },
    segments: segments.map(({ id, epoch, ticks, closeAtMs }) => ({ id, epoch, ticks, closeAtMs })),
    laps: withTick(document.laps, ({ atMs }) => atMs),
    flags: withTick(document.flags, ({ atMs }) => atMs),
    pitStops: withTick(document.pitStops, ({ inAtMs }) => inAtMs),
  };
}
