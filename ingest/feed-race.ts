import { SourceError } from '../protocol/errors.ts';
import { TICK_MS } from './ingest.ts';
import type { OfflineSink } from './offline-race.ts';
import type { RecordedRace } from './recorded-race.ts';

/** One message of a feed. */
export interface Moment {
  /** When it came, Unix ms; `undefined` for what has no time, such as a line that cannot be read. */
  readonly atMs: number | undefined;
  apply(sink: OfflineSink): void;
}

/** A feed that is read in order, and what follows from it at each tick. */
export interface Feed {
  readonly name: string;
  readonly moments: AsyncGenerator<Moment>;
  /** Sends what is known at the close of a tick. @returns whether there is more to send, even when no message follows. */
  tick(sink: OfflineSink, closeAtMs: number): boolean;
}

/** So many messages without a time may stand before the first one that has one. */
const MAX_UNDATED = 10_000;

/**
 * Opens a feed at its first message with a time. A message with an earlier time than the one before counts with that one.
 * @throws {SourceError} `no_recording` when none has a time, and whatever its reader throws.
 */
export async function openFeed({ name, moments, tick }: Feed): Promise<RecordedRace> {
  const undated: Moment[] = [];
  let next: Moment | undefined;
  for (;;) {
    const { value, done } = await moments.next();
    if (done || undated.length > MAX_UNDATED) throw noMoment(name, undated);
    next = value;
    if (value.atMs !== undefined) break;
    undated.push(value);
  }
  let nowMs = next.atMs!;
  const startMs = Math.floor(nowMs / TICK_MS) * TICK_MS;
  return {
    startMs,
    async advance(sink, toMs) {
      for (const moment of undated.splice(0)) moment.apply(sink);
      while (next && Math.max(next.atMs ?? nowMs, nowMs) <= toMs) {
        if ((next.atMs ?? nowMs) < nowMs) sink.count('out_of_order');
        nowMs = Math.max(next.atMs ?? nowMs, nowMs);
        next.apply(sink);
        next = (await moments.next()).value;
      }
      return tick(sink, toMs) || next !== undefined;
    },
    async stop() {
      await moments.return(undefined);
    },
  };
}

/** Tells why nothing could be read, by what was wrong first. */
function noMoment(name: string, undated: readonly Moment[]): SourceError {
  const reasons: string[] = [];
  const nothing = () => {};
  const sink = { frame: nothing, facts: nothing, timing: nothing, log: nothing, refuse: nothing, count: nothing };
  const listen = { ...sink, malformed: (what: string) => reasons.push(what), unused: nothing };
  for (const moment of undated.slice(0, 1)) moment.apply(listen);
  const why = reasons[0] ? ` (${reasons[0].replace(/\.$/, '')})` : '';
  return new SourceError(
    'no_recording',
    `${name} holds no message with a time${why}: give another recording, or its --kind.`,
  );
}
