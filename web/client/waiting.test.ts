import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../fanout/limits.ts';
import {
  type ConnectionState,
  DEFAULT_DEADLINES,
  firstState,
  type LinkEvent,
  nextState,
  type Phase,
} from './connection-state.ts';

const WINDOW_MS = 60_000;
const SLOT_MS = 61_000;
/** Everything that can come from outside. Ends for good are left out: they are wanted. */
const EVENTS: readonly LinkEvent[] = [
  { type: 'welcome', reconnectWindowMs: 1000 },
  { type: 'welcome', reconnectWindowMs: WINDOW_MS },
  { type: 'applied' },
  { type: 'bytes' },
  { type: 'drift', reason: 'a gap' },
  { type: 'probe' },
  { type: 'bye', reason: 'going_away', reconnectInMs: 0 },
  { type: 'bye', reason: 'going_away', reconnectInMs: SLOT_MS },
  { type: 'lost', reason: 'gone' },
  { type: 'reopen', isAnew: false },
  { type: 'refused', reason: 'no' },
  { type: 'deadline' },
];
const LONGEST = { nowMs: 0, random: 1 - Number.EPSILON };
/** More failures or repairs than this change nothing any more. */
const MANY = 8;
const keyOf = ({ phase, failures, repairs, windowMs }: ConnectionState) =>
  `${phase} ${failures} ${repairs} ${windowMs}`;

/** A state as it is `byMs` earlier: the machine knows differences of times only. */
const back = (state: ConnectionState, byMs: number): ConnectionState => ({
  ...state,
  deadlineAtMs: state.deadlineAtMs - byMs,
});

/** Every state that any order of events leads to, each with the latest deadline that it can have; time stands at 0. */
function reachable(): ConnectionState[] {
  const found = new Map<string, ConnectionState>();
  const open = [firstState(0, DEFAULT_DEADLINES)];
  for (let state = open.pop(); state; state = open.pop()) {
    const known = found.get(keyOf(state));
    if (known && known.deadlineAtMs >= state.deadlineAtMs) continue;
    found.set(keyOf(state), state);
    for (const event of EVENTS) {
      // A deadline comes when it is due, everything else may come at once.
      const at = event.type === 'deadline' ? back(state, state.deadlineAtMs) : state;
      const next = nextState(at, event, LONGEST, DEFAULT_DEADLINES);
      const { failures, repairs } = next;
      if (next.phase !== 'closed')
        open.push({ ...next, failures: Math.min(failures, MANY), repairs: Math.min(repairs, MANY) });
    }
  }
  return [...found.values()];
}

const STATES = reachable();

/** Lets time pass and nothing else happen. @returns how long it took to be in one of these phases. */
function idleUntil(start: ConnectionState, phases: readonly Phase[]): number {
  let passedMs = 0;
  let state = start;
  for (let steps = 0; !phases.includes(state.phase); steps++) {
    if (steps > 3) return Number.POSITIVE_INFINITY;
    passedMs += state.deadlineAtMs;
    state = nextState(back(state, state.deadlineAtMs), { type: 'deadline' }, LONGEST, DEFAULT_DEADLINES);
  }
  return passedMs;
}

/** An edge that is well answers every try at once. */
function meetEdge(state: ConnectionState): ConnectionState {
  const welcome: LinkEvent = { type: 'welcome', reconnectWindowMs: WINDOW_MS };
  const joined = nextState(state, welcome, LONGEST, DEFAULT_DEADLINES);
  return nextState(joined, { type: 'applied' }, LONGEST, DEFAULT_DEADLINES);
}

describe('a client that waits', () => {
  it('can be in every phase that there is', () => {
    expect(new Set(STATES.map(({ phase }) => phase))).toEqual(
      new Set<Phase>(['connecting', 'joining', 'live', 'repairing', 'probing', 'leaving', 'waiting']),
    );
    expect(STATES.length).toBeGreaterThan(100);
  });

  it('tries to connect within a bounded time, from every state, though nothing happens any more', () => {
    const { joinMs, silenceMs } = DEFAULT_DEADLINES;
    const worst: Partial<Record<Phase, number>> = {};
    for (const state of STATES) {
      const ms = idleUntil(state, ['connecting']);
      worst[state.phase] = Math.max(worst[state.phase] ?? 0, Math.ceil(ms));
    }
    expect(worst).toEqual({
      connecting: 0,
      // The edge has a minute's window: whoever loses it comes back within that.
      joining: 4 * joinMs + WINDOW_MS,
      live: silenceMs + WINDOW_MS,
      repairing: DEFAULT_DEADLINES.repairMs + WINDOW_MS,
      probing: DEFAULT_DEADLINES.probeMs,
      leaving: SLOT_MS,
      waiting: SLOT_MS,
    });
  });

  it('is live as soon as it has met an edge that is well', () => {
    for (const state of STATES.filter(({ phase }) => phase === 'connecting'))
      expect(meetEdge(state)).toMatchObject({ phase: 'live', failures: 0, repairs: 0 });
  });

  it('is patient enough for everything that an edge may take its time for', () => {
    const { aheadTimeoutMs, readTimeoutMs, heartbeatMs, quietMs } = DEFAULT_LIMITS;
    const { connectMs, silenceMs } = DEFAULT_DEADLINES;
    /** For the way there and back, and for an edge that looks once a second. */
    const spareMs = 2500;
    expect(aheadTimeoutMs + spareMs).toBeLessThan(connectMs);
    expect(readTimeoutMs + spareMs).toBeLessThan(connectMs);
    expect(heartbeatMs + spareMs).toBeLessThan(silenceMs);
    expect(quietMs + spareMs).toBeLessThan(heartbeatMs);
  });

  it('never stays live without bytes, nor with bytes that bring no snapshot that was asked for', () => {
    for (const state of STATES) {
      const bytes = nextState(state, { type: 'bytes' }, LONGEST, DEFAULT_DEADLINES);
      const isPutOff = bytes.phase === 'live' && bytes.deadlineAtMs === DEFAULT_DEADLINES.silenceMs;
      expect([state.phase, isPutOff || bytes === state]).toEqual([state.phase, true]);
    }
  });
});
