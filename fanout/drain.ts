import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import type { Admission } from './admission.ts';
import type { FanSet } from './fan-set.ts';
import { type Departure, planDeparture } from './farewell.ts';
import type { EdgeLimits } from './limits.ts';
import type { Races } from './races.ts';

/** How an edge leaves while its fans go elsewhere. */
export interface DrainOptions {
  /** For so long nobody is asked to go: proxies must see first that the edge is not ready. In ms. */
  readonly leadMs: number;
  /** Upper bound of the time over which fans go, in ms; with few fans it is shorter. */
  readonly maxWindowMs: number;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

/** What of an edge has to do with its fans. */
interface House {
  readonly races: Races;
  readonly admission: Admission;
  readonly limits: EdgeLimits;
}

/** After the last moment that a fan was told, for those who take a little longer. */
const GRACE_MS = 3000;
/** How often an edge that leaves looks whether anybody is there. */
const LOOK_EVERY_MS = 50;
/** So many fans are told to go, or closed, between two looks at what else there is to do: ticks, pings, requests. */
const FANS_AT_ONCE = 1000;
/** Long polls that are sent away at once. */
const POLLS_AT_ONCE = 500;

/** The longest that {@link drainFans} takes, in ms. */
export const drainWithinMs = ({ leadMs, maxWindowMs }: DrainOptions): number => leadMs + maxWindowMs + GRACE_MS;

/**
 * Takes no more fans, and sends each away at a moment of its own; until then it gets every tick. Resolves when the last
 * one is gone, not before the lead is over, or when time is up or `signal` aborts: some may be left then.
 */
export async function drainFans(house: House, { signal, ...bounds }: DrainOptions): Promise<void> {
  const { races, admission, limits } = house;
  admission.isStopping = true;
  const departure = planDeparture(races.fans, limits, bounds, Date.now());
  await tellAll(races, departure);
  const { beganAtMs, leadMs, windowMs } = departure;
  const isOver = () => {
    const passedMs = Date.now() - beganAtMs;
    if (signal?.aborted || passedMs > leadMs + windowMs + GRACE_MS) return true;
    return passedMs >= leadMs && races.fans === 0 && races.polls === 0 && admission.fans === 0;
  };
  for (let isOpen = true; !isOver(); await pause(LOOK_EVERY_MS)) {
    if (!isOpen || Date.now() - beganAtMs < leadMs) continue;
    // By now no load balancer sends anybody here: whoever asks again asks another edge, for the same position.
    isOpen = false;
    await dismissOthers(races);
  }
}

/** Takes no more fans and closes all that there are; those who have not been told when to come back are told first. */
export async function dismissFans({ races, admission, limits }: House): Promise<void> {
  admission.isStopping = true;
  const atOnce = { leadMs: 0, maxWindowMs: Number.POSITIVE_INFINITY };
  await dismissOthers(races);
  const sets = await tellAll(races, planDeparture(races.fans, limits, atOnce, Date.now()));
  for (const fans of sets) while (fans.dismiss(FANS_AT_ONCE)) await nextTurn();
}

/** Those who are told of no moment: who polls asks again, and who reads JSON comes back by itself. */
async function dismissOthers(races: Races): Promise<void> {
  for (const { polls, people } of races.all()) {
    while (polls.dismiss(POLLS_AT_ONCE)) await nextTurn();
    while (people.dismiss(POLLS_AT_ONCE)) await nextTurn();
  }
}

async function tellAll(races: Races, departure: Departure): Promise<FanSet[]> {
  const sets = races.all().map(({ fans }) => fans);
  for (const fans of sets) fans.leave(departure, Math.random);
  for (const fans of sets) while (fans.sayBye(Date.now(), FANS_AT_ONCE)) await nextTurn();
  return sets;
}
