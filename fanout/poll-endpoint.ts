import { readSince } from '../protocol/control.ts';
import { retryAfterS } from './admission.ts';
import { reconnectWindowMs } from './limits.ts';
import type { PollRefusal } from './poll-room.ts';
import type { Race } from './race.ts';
import type { Races } from './races.ts';
import { type Ask, answerError, answerTagged, type Reply } from './reply.ts';

const REFUSALS: Readonly<Record<PollRefusal, string>> = {
  not_ready: 'The race has nothing to show yet; try again in a second.',
  full: 'No more requests may wait on this edge.',
  going_away: 'The edge is stopping.',
};

/** Answers `/races/<race>/poll?since=<position>`, `poll.base` or `poll.json`, as soon as there is something after the position. */
export async function answerPoll(
  ask: Ask,
  races: Races,
  name: string,
  form: keyof Race['pollAnswers'],
): Promise<Reply> {
  const race = await races.find(name);
  if (race === 'unknown') return answerError(ask, 404, 'unknown_race', 'There is no such race here; see /races.');
  if (race === 'unsure') return refuse(ask, 'not_ready', 1);
  const since = readSince(new URLSearchParams(ask.query).get('since'));
  return new Promise((resolve) => {
    const poll = race.polls.ask(
      since,
      race.pollAnswers[form],
      (outcome) =>
        resolve(
          typeof outcome === 'string'
            ? refuse(ask, outcome, secondsUntilRoom(race))
            : answerTagged(ask, outcome.body, outcome.headers.ETag!, outcome.headers),
        ),
      Date.now(),
    );
    ask.onGone(() => race.polls.forget(poll));
  });
}

/** Those who are refused at once come back spread out. */
const secondsUntilRoom = ({ fans, polls }: Race): number =>
  retryAfterS(reconnectWindowMs(fans.size + polls.size, fans.limits), Math.random());

const refuse = (ask: Ask, refusal: PollRefusal, afterS: number): Reply =>
  answerError(ask, 503, refusal, REFUSALS[refusal], { 'Retry-After': `${afterS}` });
