import { type ControlLimits, parseQuery, readSince } from '../protocol/control.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { PROTOCOL_VERSION } from '../protocol/tick-message.ts';
import type { EventSink } from './event-sink.ts';
import type { JsonWish } from './json-fan.ts';
import { reconnectWindowMs } from './limits.ts';
import type { Race } from './race.ts';
import type { Races } from './races.ts';

/** A browser comes back after this at the earliest. */
const MIN_RETRY_MS = 250;

/** A request that was let in, for people. */
interface JsonGuest {
  readonly sink: EventSink;
  readonly race: string;
  readonly lastEventId: string;
  occupant: { closed(): void; drained(): void } | undefined;
}

/** What `format` says; without it, whoever names the version of the protocol is a program. */
export function isForPeople(query: string): boolean {
  const params = new URLSearchParams(query);
  const format = params.get('format');
  return format === 'json' || (format !== 'binary' && !params.has('version'));
}

/** Begins a stream of JSON. */
export async function readJson(guest: JsonGuest, races: Races, query: string): Promise<void> {
  const { sink, lastEventId } = guest;
  const race = await races.find(guest.race);
  if (typeof race === 'string') {
    sink.close(race === 'unknown' ? 'unknown_race' : 'not_ready');
    return;
  }
  if (sink.isOver) return;
  if (!race.state || !race.fans.delivery) {
    sink.close('not_ready');
    return;
  }
  try {
    const wish = parseWish(query, lastEventId, {
      ...{ maxCars: race.fans.limits.maxCars, catalogue: race.state.catalogue, hasOwnView: false },
    });
    guest.occupant = race.welcome(sink, wish, retryMs(race));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    sink.explain(error);
    sink.close('bad_message');
  }
}

const retryMs = ({ fans, people }: Race): number =>
  Math.max(MIN_RETRY_MS, Math.random() * reconnectWindowMs(fans.size + people.size, fans.limits));

/** @throws {ProtocolError} as parseQuery, and `bad_version`. */
function parseWish(query: string, lastEventId: string, limits: ControlLimits): JsonWish {
  const params = new URLSearchParams(query);
  const isChosen = params.has('watch');
  const back = readSince(lastEventId);
  const hello = parseQuery(isChosen ? query : `${query}&watch=`, { ...limits, isBack: back !== undefined })!;
  if (hello.version !== PROTOCOL_VERSION)
    throw new ProtocolError(
      'bad_version',
      `version is ${hello.version}, but this edge speaks version ${PROTOCOL_VERSION}; leave it out.`,
    );
  const since = back ?? hello.since;
  return {
    ...hello,
    ...(since && { since }),
    watch: isChosen ? hello.watch : undefined,
    // People want to see what happened, and a patch for each tick is what they read.
    history: params.has('history') ? hello.history : 'all',
  };
}
