import { compileOwnView, OWN_VIEW } from '../protocol/catalogue.ts';
import { checkWatch, parseQuery, type Wish } from '../protocol/control.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { formatPosition } from '../protocol/position.ts';
import type { Admission } from './admission.ts';
import type { Archives } from './archives.ts';
import { answerCatalogue, answerCatalogueOf } from './catalogue-endpoint.ts';
import type { Fleet } from './fleet.ts';
import { answerHistory } from './history-endpoint.ts';
import { readValues } from './json-race.ts';
import { answerPoll } from './poll-endpoint.ts';
import { Exposition } from './prometheus.ts';
import type { Race } from './race.ts';
import type { RaceState } from './race-state.ts';
import { carsIn, summarise } from './race-summary.ts';
import type { Races } from './races.ts';
import { type Ask, answerError, answerPastUnread, answerValue, type Reply, wantsMessagePack } from './reply.ts';
import { answerSegments } from './segment-endpoint.ts';

/** What the routes need to know of the process. */
export interface ApiFacts {
  readonly races: Races;
  /** Races that are over, in files. @defaultValue none */
  readonly archives?: Archives | undefined;
  readonly admission: Pick<Admission, 'outlook' | 'retryAfterS'>;
  /**
   * `undefined` while there is no race to show, and when the edge is on its way out. `stale` while NATS is away: fans are
   * served all the same, and told. It is away for all edges alike: were none ready then, no fan could come back.
   */
  readonly readiness: () => 'ready' | 'stale' | undefined;
  readonly fleet: Fleet;
}

const STREAM_ONLY = 'A stream of events is opened with GET, or with POST and a hello as its body.';
const RETRY = { 'Retry-After': '1' };

/** Answers every address under `/` that is not a file; `undefined` when it is none of ours. */
export function answer(ask: Ask, facts: ApiFacts): Reply | Promise<Reply> | undefined {
  const [root, name, leaf, ...rest] = ask.path.split('/').slice(1);
  const known = route(ask, facts, root ?? '', name, leaf, rest);
  if (!known) return undefined;
  if (ask.method === 'OPTIONS') return { status: 204, headers: { Allow: 'GET, HEAD, OPTIONS' }, body: '' };
  if (ask.method !== 'GET' && ask.method !== 'HEAD') {
    const message = `${ask.method} is not possible here; use GET.`;
    return answerError(ask, 405, 'method_not_allowed', message, { Allow: 'GET, HEAD, OPTIONS' });
  }
  return known();
}

function route(
  ask: Ask,
  facts: ApiFacts,
  root: string,
  name: string | undefined,
  leaf: string | undefined,
  rest: readonly string[],
): (() => Reply | Promise<Reply>) | undefined {
  if (root === 'races' && name !== undefined && leaf === 'segments' && rest.length <= 1)
    return () => answerSegments(ask, facts.races, name, rest[0]);
  if (rest.length > 0) return undefined;
  if (name === undefined) {
    if (root === 'healthz') return () => answerHealth(ask, facts);
    if (root === 'metrics') return () => answerMetrics(ask, facts);
    if (root === 'readyz') return () => answerReady(ask, facts);
    if (root === 'races') return () => answerRaces(ask, facts);
    return undefined;
  }
  if (root === 'catalogue' && leaf === undefined) return () => answerCatalogue(ask, facts, name);
  if (root !== 'races') return undefined;
  if (leaf === undefined) return () => withState(ask, facts, name, (race, state) => answerRace(ask, race, state));
  if (leaf === 'snapshot') return () => withState(ask, facts, name, (race, state) => answerSnapshot(ask, race, state));
  if (leaf === 'catalogue')
    return async () => withRace(ask, facts, name, (_, { catalogue }) => answerCatalogueOf(ask, catalogue));
  if (leaf === 'history') return () => answerHistory(ask, facts.races, name);
  if (leaf === 'poll') return () => answerPoll(ask, facts.races, name, 'binary');
  if (leaf === 'poll.base') return () => answerPoll(ask, facts.races, name, 'base');
  if (leaf === 'poll.json') return () => answerPoll(ask, facts.races, name, 'json');
  if (leaf === 'live') return () => answerOutlook(ask, facts.admission);
  if (leaf === 'events') return () => answerError(ask, 405, 'method_not_allowed', STREAM_ONLY, { Allow: 'GET, POST' });
  return undefined;
}

/** What a client learns that does not know why it got no WebSocket: from the edge, or from what stands in between. */
function answerOutlook(ask: Ask, admission: ApiFacts['admission']): Reply {
  const nowMs = performance.now();
  const refusal = admission.outlook(nowMs);
  if (!refusal) return answerError(ask, 426, 'upgrade_required', 'Connect with a WebSocket.', { Upgrade: 'websocket' });
  const retry = { 'Retry-After': `${admission.retryAfterS(nowMs, Math.random())}` };
  return answerError(ask, 503, refusal, 'The edge takes no more fans at the moment.', retry);
}

function answerHealth(ask: Ask, { fleet }: ApiFacts): Reply {
  const workers = fleet.workers();
  return answerValue(ask, { status: workers.alive < workers.asked ? 'degraded' : 'ok', workers });
}

async function answerMetrics(ask: Ask, { fleet }: ApiFacts): Promise<Reply> {
  const body = await fleet.metrics();
  if (body !== undefined)
    return { status: 200, headers: { 'Content-Type': Exposition.CONTENT_TYPE, 'Cache-Control': 'no-store' }, body };
  const message = 'The process that gathers the numbers of all workers did not answer; try again in a second.';
  return answerError(ask, 503, 'not_ready', message, RETRY);
}

function answerReady(ask: Ask, facts: ApiFacts): Reply {
  const status = facts.readiness();
  if (status) return answerValue(ask, { status });
  return answerError(ask, 503, 'not_ready', 'No race is followed yet, or this edge is about to leave.', RETRY);
}

type Use<Answer> = (race: Race, state: RaceState) => Answer;

/** Answers out of the state of a race, once for all who ask the same before that changes. */
const withState = (ask: Ask, facts: ApiFacts, name: string, use: Use<Reply>): Reply | Promise<Reply> =>
  withRace(ask, facts, name, (race, state) => {
    const { status, reason } = race.fans.verdict;
    const version = `${state.seq}:${status}:${reason}`;
    const key = `${wantsMessagePack(ask)} ${ask.path}?${ask.query}`;
    return race.replies.get(version, key, () => use(race, state));
  });

function withRace<Answer>(
  ask: Ask,
  { races }: ApiFacts,
  name: string,
  use: Use<Answer>,
): Answer | Reply | Promise<Answer | Reply> {
  const known = races.get(name);
  if (known) return withStateOf(ask, known, use);
  return races.find(name).then((race) => {
    if (typeof race !== 'string') return withStateOf(ask, race, use);
    if (race === 'unsure') return answerPastUnread(ask);
    return answerError(ask, 404, 'unknown_race', 'There is no such race here; see /races.');
  });
}

function withStateOf<Answer>(ask: Ask, race: Race, use: Use<Answer>): Answer | Reply {
  const { state, name } = race;
  if (state) return use(race, state);
  return answerError(ask, 503, 'not_ready', `The race ${name} has nothing to show yet; try again in a second.`, RETRY);
}

/** How the race stands: since when and why no tick comes, while that is so. */
function standingOf({ fans }: Race): Record<string, unknown> {
  const { status, reason } = fans.verdict;
  return {
    state: status,
    staleSinceMs: reason ? Math.round(fans.standstill.sinceMs) : null,
    staleReason: reason ?? null,
  };
}

const describe = (race: Race) => ({
  ...summarise(race.name, race.state),
  ...standingOf(race),
  fans: race.fans.size + race.people.size,
});

/** What is known of an archived race that nobody has looked at yet. */
const describeUnopened = (summary: ReturnType<typeof summarise>) => ({
  ...summary,
  ...{ state: 'finished', staleSinceMs: null, staleReason: null, fans: 0 },
});

/** All races, those that are followed first. */
function answerRaces(ask: Ask, { races, archives }: ApiFacts): Reply {
  const unopened = archives?.all().filter(({ race }) => !races.get(race)) ?? [];
  return answerValue(ask, [...races.all().map(describe), ...unopened.map(describeUnopened)]);
}

const answerRace = (ask: Ask, race: Race, state: RaceState): Reply =>
  answerValue(ask, {
    ...describe(race),
    cars: carsIn(state.head!.field),
    views: state.catalogue.views.map(({ name }) => name),
    documentRevision: state.docRevision,
    document: state.document,
  });

function answerSnapshot(ask: Ask, race: Race, state: RaceState): Reply {
  let wish: Wish;
  try {
    wish = chosen(ask.query, race, state);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return answerError(ask, 400, error.code, error.message);
  }
  const head = state.head!;
  const { watch, channels } = wish;
  const { catalogue } = state;
  const own = channels && compileOwnView(catalogue, channels);
  const cars: Record<string, unknown> = {};
  for (const { car, view } of watch) {
    const values = head.field.states[head.field.cars.indexOf(car)];
    const inView = view === OWN_VIEW.name ? own : catalogue.viewOf(view);
    if (values) cars[car] = { view, values: readValues(catalogue, inView!, values) };
  }
  return answerValue(ask, {
    race: race.name,
    ...standingOf(race),
    position: formatPosition(state),
    tick: head.tick,
    closeAtMs: head.closeAtMs,
    catalogue: state.catalogue.hash,
    cars,
    unknown: watch.map(({ car }) => car).filter((car) => !Object.hasOwn(cars, car)),
  });
}

/** What the query asks for; the whole field in its smallest view when it says nothing. */
function chosen(query: string, race: Race, { catalogue, head }: RaceState): Wish {
  const { maxCars } = race.fans.limits;
  const view = catalogue.viewOf('essentials') ? 'essentials' : 'full';
  const all = () => carsIn(head!.field).map((car) => ({ car, view }));
  const wish = parseQuery(query, { maxCars, catalogue, hasOwnView: false });
  return wish ?? { watch: checkWatch(all(), maxCars, (name) => catalogue.viewOf(name) !== undefined) };
}
