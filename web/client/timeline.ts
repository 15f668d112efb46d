import type { FlagChange, LapStart, PitStop } from '../../protocol/document.ts';
import { ConfigError, ProtocolError } from '../../protocol/errors.ts';
import { isEpoch } from '../../protocol/position.ts';

/** An edge knows at most 120,960 segments of a race. */
const MAX_SEGMENTS = 130_000;
const MAX_EVENTS = 5000;

/** Ten seconds of a race that can be played. */
export interface TimelineSegment {
  readonly id: string;
  readonly epoch: string;
  /** First and last tick. */
  readonly ticks: readonly [number, number];
  /** Race time at which these closed, Unix ms. */
  readonly closeAtMs: readonly [number, number];
}

/** Something with the tick at which it was; none while no segment reaches so far. */
export type AtTick<T> = T & { readonly tick?: number };

/** What of a race can be played, and what was when. */
export interface Timeline {
  /** Time between ticks. */
  readonly tickMs: number;
  /** The present life of the race, in which laps, flags and pit stops are. */
  readonly epoch: string | undefined;
  readonly head: { readonly tick: number; readonly closeAtMs: number } | undefined;
  /** Oldest first. */
  readonly segments: readonly TimelineSegment[];
  readonly laps: readonly AtTick<LapStart>[];
  readonly flags: readonly AtTick<FlagChange>[];
  readonly pitStops: readonly AtTick<PitStop>[];
}

/** A tick of one life of a race. */
export interface Place {
  readonly epoch: string;
  readonly tick: number;
}

/** Where to go: a race time in Unix ms, a tick or a lap of the present epoch, or the nearest event from where one is. */
export type SeekTarget =
  | { readonly timeMs: number }
  | { readonly tick: number }
  | { readonly lap: number }
  | { readonly event: 'flag' | 'pit'; readonly direction: 'next' | 'previous' };

type Loose = Record<string, unknown>;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isSpan = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(isCount) && (value[0] as number) < (value[1] as number);

function fail(what: string): never {
  throw new ProtocolError('bad_answer', `The list of segments ${what}.`);
}

function readSegments(value: unknown): TimelineSegment[] {
  if (!Array.isArray(value) || value.length > MAX_SEGMENTS) return fail(`must name at most ${MAX_SEGMENTS}`);
  return value.map((one: Loose | null) => {
    const { id, epoch, ticks, closeAtMs } = one ?? {};
    const isWhole = typeof epoch === 'string' && isEpoch(epoch) && isSpan(ticks) && isSpan(closeAtMs);
    if (!isWhole || typeof id !== 'string' || !/^[0-9a-f]{16}-\d{1,10}$/.test(id) || !id.startsWith(epoch))
      return fail(`names one that is none: ${JSON.stringify(one).slice(0, 100)}`);
    return { id, epoch, ticks, closeAtMs } as TimelineSegment;
  });
}

/** The document is the publisher's: what is no event is left out. */
const readEvents = <T>(value: unknown, atOf: string): AtTick<T>[] =>
  (Array.isArray(value) ? value.slice(-MAX_EVENTS) : []).filter(
    (one: Loose | null) => isCount(one?.[atOf]) && (one?.tick === undefined || isCount(one.tick)),
  );

/** Reads what an edge answers to `/races/<race>/segments`. @throws {ProtocolError} `bad_answer`. */
export function readTimeline(text: string): Timeline {
  let value: Loose | null;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError('bad_answer', 'The list of segments is no JSON.', { cause });
  }
  const { tickMs, epoch, segments, laps, flags, pitStops } = value ?? {};
  const head = value?.head as Loose | null | undefined;
  if (!isCount(tickMs) || tickMs === 0) return fail('does not say the time between ticks');
  if (epoch !== undefined && !(typeof epoch === 'string' && isEpoch(epoch))) return fail('has an epoch that is none');
  if (head && !(isCount(head.tick) && isCount(head.closeAtMs))) return fail('has a head that is none');
  return {
    tickMs,
    epoch,
    head: head ? (head as unknown as NonNullable<Timeline['head']>) : undefined,
    segments: readSegments(segments),
    laps: readEvents(laps, 'atMs'),
    flags: readEvents(flags, 'atMs'),
    pitStops: readEvents(pitStops, 'inAtMs'),
  };
}

/** The last segment of the epoch that begins at the tick or before it, or its first one. */
export function segmentFor({ segments }: Timeline, { epoch, tick }: Place): TimelineSegment | undefined {
  const own = segments.filter((one) => one.epoch === epoch);
  return own.findLast(({ ticks }) => ticks[0] <= tick) ?? own[0];
}

/** The first segment of the epoch that came after this one. */
export function nextEpoch({ segments }: Timeline, epoch: string): TimelineSegment | undefined {
  const last = segments.findLastIndex((one) => one.epoch === epoch);
  return last < 0 ? undefined : segments[last + 1];
}

/**
 * The place that is meant. A time is a place only roughly: the segment in which it is says more.
 * @param at Where one is, for events.
 * @throws {ConfigError} `bad_seek` when there is no such lap or event, or the target is none.
 */
export function findTarget(timeline: Timeline, target: SeekTarget, at: Place | undefined): Place {
  const { epoch } = timeline;
  if ('timeMs' in target && Number.isFinite(target.timeMs)) return placeAt(timeline, target.timeMs);
  if (epoch === undefined) throw new ConfigError('bad_seek', 'The race has no past yet.');
  if ('tick' in target && isCount(target.tick)) return { epoch, tick: target.tick };
  const tick = 'lap' in target ? lapTick(timeline, target.lap) : 'event' in target && eventTick(timeline, target, at);
  if (typeof tick === 'number') return { epoch, tick };
  throw new ConfigError('bad_seek', `There is nothing to play at ${JSON.stringify(target).slice(0, 100)}.`);
}

const lapTick = ({ laps }: Timeline, lap: number) => laps.find((one) => one.lap === lap)?.tick;

function eventTick(timeline: Timeline, target: Extract<SeekTarget, { event: string }>, at: Place | undefined) {
  const list = target.event === 'flag' ? timeline.flags : timeline.pitStops;
  const here = at?.epoch === timeline.epoch ? (at?.tick ?? -1) : -1;
  const ticks = list.flatMap(({ tick }) => tick ?? []).sort((a, b) => a - b);
  return target.direction === 'next' ? ticks.find((tick) => tick > here) : ticks.findLast((tick) => tick < here);
}

function placeAt({ segments, tickMs, epoch, head }: Timeline, timeMs: number): Place {
  const one = segments.findLast(({ closeAtMs }) => closeAtMs[0] <= timeMs) ?? segments[0];
  if (!one) throw new ConfigError('bad_seek', 'The race has no past yet.');
  const tick = one.ticks[0] + Math.max(0, Math.floor((timeMs - one.closeAtMs[0]) / tickMs));
  const isLast = one === segments.at(-1) && one.epoch === epoch;
  const end = isLast ? Math.max(head?.tick ?? 0, one.ticks[1]) : one.ticks[1];
  return { epoch: one.epoch, tick: Math.min(tick, end) };
}
