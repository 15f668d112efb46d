import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConnectionState,
  DEFAULT_DEADLINES,
  firstState,
  type LinkEvent,
  type LinkEventType,
  nextState,
  type Phase,
} from './connection-state.ts';

const EVENTS: Record<LinkEventType, LinkEvent> = {
  welcome: { type: 'welcome', reconnectWindowMs: 5000 },
  applied: { type: 'applied' },
  bytes: { type: 'bytes' },
  drift: { type: 'drift', reason: 'a gap' },
  probe: { type: 'probe' },
  bye: { type: 'bye', reason: 'draining', reconnectInMs: 700 },
  lost: { type: 'lost', reason: 'gone' },
  reopen: { type: 'reopen', isAnew: false },
  refused: { type: 'refused', reason: 'no' },
  deadline: { type: 'deadline' },
  close: { type: 'close' },
};

/** What must follow, written down apart from the code. */
const TRUTH: Record<Phase, Record<LinkEventType, Phase>> = {
  connecting: {
    welcome: 'joining',
    applied: 'connecting',
    bytes: 'connecting',
    drift: 'connecting',
    probe: 'connecting',
    bye: 'waiting',
    lost: 'waiting',
    reopen: 'connecting',
    refused: 'closed',
    deadline: 'waiting',
    close: 'closed',
  },
  joining: {
    welcome: 'joining',
    applied: 'live',
    bytes: 'joining',
    drift: 'repairing',
    probe: 'joining',
    bye: 'leaving',
    lost: 'waiting',
    reopen: 'connecting',
    refused: 'closed',
    deadline: 'waiting',
    close: 'closed',
  },
  live: {
    welcome: 'joining',
    applied: 'live',
    bytes: 'live',
    drift: 'repairing',
    probe: 'probing',
    bye: 'leaving',
    lost: 'waiting',
    reopen: 'connecting',
    refused: 'closed',
    deadline: 'waiting',
    close: 'closed',
  },
  repairing: {
    welcome: 'joining',
    applied: 'live',
    bytes: 'repairing',
    drift: 'repairing',
    probe: 'repairing',
    bye: 'leaving',
    lost: 'waiting',
    reopen: 'connecting',
    refused: 'closed',
    deadline: 'waiting',
    close: 'closed',
  },
  probing: {
    welcome: 'joining',
    applied: 'live',
    bytes: 'live',
    drift: 'repairing',
    probe: 'probing',
    bye: 'leaving',
    lost: 'waiting',
    reopen: 'connecting',
    refused: 'closed',
    deadline: 'connecting',
    close: 'closed',
  },
  leaving: {
    welcome: 'leaving',
    applied: 'leaving',
    bytes: 'leaving',
    drift: 'leaving',
    probe: 'leaving',
    bye: 'leaving',
    lost: 'waiting',
    reopen: 'connecting',
    refused: 'closed',
    deadline: 'connecting',
    close: 'closed',
  },
  waiting: {
    welcome: 'waiting',
    applied: 'waiting',
    bytes: 'waiting',
    drift: 'waiting',
    probe: 'connecting',
    bye: 'waiting',
    lost: 'waiting',
    reopen: 'connecting',
    refused: 'waiting',
    deadline: 'connecting',
    close: 'closed',
  },
  closed: {
    welcome: 'closed',
    applied: 'closed',
    bytes: 'closed',
    drift: 'closed',
    probe: 'closed',
    bye: 'closed',
    lost: 'closed',
    reopen: 'closed',
    refused: 'closed',
    deadline: 'closed',
    close: 'closed',
  },
};

const follow = (state: ConnectionState, event: LinkEvent, nowMs: number, random = 0.5) =>
  nextState(state, event, { nowMs, random }, DEFAULT_DEADLINES);

/** A state of each phase, reached by events alone. */
function reach(phase: Phase): ConnectionState {
  const paths: Record<Phase, LinkEventType[]> = {
    connecting: [],
    joining: ['welcome'],
    live: ['welcome', 'applied'],
    repairing: ['welcome', 'applied', 'drift'],
    probing: ['welcome', 'applied', 'probe'],
    leaving: ['welcome', 'applied', 'bye'],
    waiting: ['lost'],
    closed: ['close'],
  };
  return paths[phase].reduce((state, type) => follow(state, EVENTS[type], 0), firstState(0, DEFAULT_DEADLINES));
}

describe('the connection', () => {
  const cases = Object.entries(TRUTH).flatMap(([phase, row]) =>
    Object.entries(row).map(([event, next]) => [phase, event, next] as [Phase, LinkEventType, Phase]),
  );

  it.each(cases)('%s on %s goes to %s', (phase, event, next) => {
    const before = reach(phase);
    expect(before.phase).toBe(phase);
    const frozen = structuredClone(before);
    expect(follow(before, EVENTS[event], 100).phase).toBe(next);
    expect(before).toEqual(frozen);
  });

  it('has a deadline in every phase but closed, and the deadline ends the phase', () => {
    for (const phase of Object.keys(TRUTH) as Phase[]) {
      const state = reach(phase);
      if (phase === 'closed') {
        expect(state.deadlineAtMs).toBe(Number.POSITIVE_INFINITY);
        continue;
      }
      expect(Number.isFinite(state.deadlineAtMs)).toBe(true);
      expect(follow(state, EVENTS.deadline, state.deadlineAtMs).phase).not.toBe(phase);
    }
  });

  it('puts off the deadline with bytes only when it is live', () => {
    for (const phase of Object.keys(TRUTH) as Phase[]) {
      const state = reach(phase);
      const next = follow(state, EVENTS.bytes, 50);
      if (phase === 'live' || phase === 'probing') expect(next.deadlineAtMs).toBe(50 + DEFAULT_DEADLINES.silenceMs);
      else expect(next.deadlineAtMs).toBe(state.deadlineAtMs);
    }
  });

  it('returns inside the announced window after a connection that lived', () => {
    expect(follow(reach('live'), EVENTS.lost, 1000, 0).deadlineAtMs).toBe(1000);
    expect(follow(reach('live'), EVENTS.lost, 1000, 0.999).deadlineAtMs).toBeCloseTo(1000 + 4995);
  });

  it('widens the range with each try that brought nothing, and forgets them with the first data', () => {
    let state = reach('live');
    const ranges: number[] = [];
    for (let i = 0; i < 4; i++) {
      state = follow(state, EVENTS.lost, 0, 1);
      ranges.push(state.deadlineAtMs);
      state = follow(state, EVENTS.deadline, 0);
    }
    expect(ranges).toEqual([5000, 10_000, 20_000, 30_000]);
    state = follow(follow(state, EVENTS.welcome, 0), EVENTS.applied, 0);
    expect(follow(state, EVENTS.lost, 0, 1).deadlineAtMs).toBe(5000);
  });

  it('keeps the slot that a leaving edge gave, whether the socket lasts until then or not', () => {
    const leaving = follow(reach('live'), EVENTS.bye, 100);
    expect(leaving.deadlineAtMs).toBe(800);
    expect(follow(leaving, EVENTS.bytes, 300).deadlineAtMs).toBe(800);
    expect(follow(leaving, EVENTS.lost, 300)).toMatchObject({ phase: 'waiting', deadlineAtMs: 800 });
  });

  it('lets a page that wakes cut short the waiting after failures, not the slot inside the window', () => {
    const slot = follow(reach('live'), EVENTS.lost, 0);
    expect(follow(slot, EVENTS.probe, 10)).toBe(slot);
    const failed = follow(follow(slot, EVENTS.deadline, 0), EVENTS.lost, 0);
    expect(follow(failed, EVENTS.probe, 10).phase).toBe('connecting');
  });

  it('gives a slow network more time to join with each try that brought nothing', () => {
    let state = firstState(0, DEFAULT_DEADLINES);
    const given: number[] = [];
    for (let i = 0; i < 6; i++) {
      state = follow(state, EVENTS.welcome, 0);
      given.push(state.deadlineAtMs / DEFAULT_DEADLINES.joinMs);
      state = follow(follow(state, EVENTS.deadline, 0), EVENTS.deadline, 0);
    }
    expect(given).toEqual([1, 2, 3, 4, 4, 4]);
    state = follow(follow(follow(state, EVENTS.welcome, 0), EVENTS.applied, 0), EVENTS.welcome, 0);
    expect(state.deadlineAtMs).toBe(DEFAULT_DEADLINES.joinMs);
  });

  it.each([
    ['window', { type: 'welcome', reconnectWindowMs: 1e12 }, EVENTS.lost],
    ['slot', { type: 'bye', reason: 'going_away', reconnectInMs: 1e12 }, EVENTS.bytes],
  ] as const)('waits for no more than ten minutes, whatever %s an edge names', (_, said, next) => {
    const state = follow(follow(reach('joining'), EVENTS.applied, 0), said, 0);
    expect(follow(state, next, 0, 0.999_999_999).deadlineAtMs).toBeCloseTo(600_000, -1);
  });

  it('gives up a connection on which no snapshot helps', () => {
    let state = reach('repairing');
    const { deadlineAtMs } = state;
    for (let i = 0; i < 2; i++) {
      state = follow(state, EVENTS.drift, 10);
      expect(state.deadlineAtMs).toBe(deadlineAtMs);
    }
    expect(follow(state, EVENTS.drift, 20).deadlineAtMs).toBe(20);
  });

  it('never waits without an end, whatever happens', () => {
    const event = fc.constantFrom(...Object.values(EVENTS));
    const step = fc.tuple(event, fc.nat(60_000), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let state = firstState(0, DEFAULT_DEADLINES);
        let nowMs = 0;
        for (const [happened, passedMs, random] of steps) {
          nowMs += passedMs;
          state = follow(state, happened, nowMs, random);
          if (state.phase === 'closed') return;
          expect(state.deadlineAtMs - nowMs).toBeLessThanOrEqual(4 * DEFAULT_DEADLINES.joinMs);
        }
      }),
    );
  });
});
