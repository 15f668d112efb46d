import { expect, it } from 'vitest';
import { Admission } from '../fanout/admission.ts';
import { DEFAULT_LIMITS, reconnectWindowMs } from '../fanout/limits.ts';
import { createRandom } from '../ingest/simulator/random.ts';
import {
  type ConnectionState,
  DEFAULT_DEADLINES,
  firstState,
  type LinkEvent,
  nextState,
} from '../web/client/connection-state.ts';

/** Fans of the SDK at the door of one edge, by the rules of both, without sockets and in no time. */
class Crowd {
  readonly admission: Admission;
  readonly inAtMs: number[] = [];
  readonly triedAtMs: number[] = [];
  mostTries = 0;
  readonly #random = createRandom(7).next;
  readonly #dueAtMs = new Map<number, { state: ConnectionState; tries: number }[]>();
  #outside = 0;

  constructor(fansThere: number) {
    this.admission = new Admission(DEFAULT_LIMITS);
    this.admission.fans = fansThere;
  }

  follow(state: ConnectionState, event: LinkEvent, nowMs: number): ConnectionState {
    return nextState(state, event, { nowMs, random: this.#random() }, DEFAULT_DEADLINES);
  }

  /** @param state Of a fan whose next try is due by its deadline, or at once when it is connecting. */
  add(state: ConnectionState, tries = 0): void {
    const atMs = state.phase === 'waiting' ? Math.ceil(state.deadlineAtMs) : 0;
    const those = this.#dueAtMs.get(atMs) ?? [];
    this.#dueAtMs.set(atMs, those);
    those.push({ state, tries });
    this.#outside++;
  }

  /** Lets time pass until everybody is in. */
  run(): void {
    for (let nowMs = 0; this.#outside > 0; nowMs++) {
      const due = this.#dueAtMs.get(nowMs) ?? [];
      this.#outside -= due.length;
      for (const { state, tries } of due) {
        const trying = state.phase === 'waiting' ? this.follow(state, { type: 'deadline' }, nowMs) : state;
        this.triedAtMs.push(nowMs);
        this.mostTries = Math.max(this.mostTries, tries + 1);
        if (this.admission.knock(nowMs, () => true)) {
          // At least a millisecond on: this one is over.
          const after = this.follow(trying, { type: 'lost', reason: 'HTTP 503' }, nowMs + 1);
          this.add(after, tries + 1);
        } else {
          this.admission.fans++;
          this.inAtMs.push(nowMs);
        }
      }
    }
  }
}

const mostPerSecond = (atMs: readonly number[]): number =>
  Math.max(...[...Map.groupBy(atMs, (ms) => Math.floor(ms / 1000)).values()].map(({ length }) => length));

it('19,000 fans of an edge that died come back to another one within their window, and hardly any is refused', () => {
  const crowd = new Crowd(19_000);
  const windowMs = reconnectWindowMs(19_000, DEFAULT_LIMITS);
  const connecting = firstState(0, DEFAULT_DEADLINES);
  for (let n = 0; n < 19_000; n++) {
    const joining = crowd.follow(connecting, { type: 'welcome', reconnectWindowMs: windowMs }, 0);
    const live = crowd.follow(joining, { type: 'applied' }, 0);
    crowd.add(crowd.follow(live, { type: 'lost', reason: 'gone' }, 0));
  }
  crowd.run();
  expect(crowd.admission.refused.rate).toBe(0);
  expect(crowd.inAtMs.at(-1)).toBeLessThanOrEqual(windowMs);
  expect(mostPerSecond(crowd.inAtMs)).toBeLessThan(1200);
});

it('19,000 fans who come at the same moment are let in at the rate, and nobody hammers', () => {
  const crowd = new Crowd(0);
  for (let n = 0; n < 19_000; n++) crowd.add(firstState(0, DEFAULT_DEADLINES));
  crowd.run();
  const { maxHandshakes } = DEFAULT_LIMITS;
  // What may come at once, and what the rate gives in the same second.
  expect(mostPerSecond(crowd.inAtMs)).toBeLessThanOrEqual(2 * maxHandshakes);
  expect(mostPerSecond(crowd.triedAtMs.filter((atMs) => atMs >= 1000))).toBeLessThan(3 * maxHandshakes);
  // Nobody could be faster by more than a few seconds: (19,000 − 2,000) / 2,000 per second.
  expect(crowd.inAtMs[Math.floor(0.75 * 19_000)]).toBeLessThan(10_000);
  expect(crowd.inAtMs.at(-1)).toBeLessThan(60_000);
  expect(crowd.mostTries).toBeLessThanOrEqual(8);
});
