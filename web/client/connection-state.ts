import { DEFAULT_WINDOW_MS, reconnectDelayMs } from './backoff.ts';

/**
 * Where a client is between "not connected" and "live".
 *
 *   connecting ──welcome──▶ joining ──applied──▶ live ◀──applied── repairing
 *       ▲  │                   │                  │ ▲ │                ▲
 *       │  └──────lost─────────┴───────┬──────────┘ │ └─────drift──────┘
 *   deadline                           ▼            │ bytes
 *       └──────────────────────────waiting       probing        (bye: leaving, and over at its slot)
 */
export type Phase = 'connecting' | 'joining' | 'live' | 'repairing' | 'probing' | 'leaving' | 'waiting' | 'closed';

/** What can happen to a connection. */
export type LinkEvent =
  | { readonly type: 'welcome'; readonly reconnectWindowMs: number }
  /** A tick frame was applied: what is held is whole. */
  | { readonly type: 'applied' }
  /** Anything came from the edge. */
  | { readonly type: 'bytes' }
  /** What came does not fit what is held: a snapshot was asked for. */
  | { readonly type: 'drift'; readonly reason: string }
  /** The page came to the foreground or the network changed: is the connection still there? */
  | { readonly type: 'probe' }
  | { readonly type: 'bye'; readonly reason: string; readonly reconnectInMs: number }
  /** The connection is gone; come back. */
  | { readonly type: 'lost'; readonly reason: string }
  /**
   * Another link is to be tried at once: this one cannot carry what is to be said, or another transport may do better.
   * `isAnew`: for a snapshot, not to go on.
   */
  | { readonly type: 'reopen'; readonly isAnew: boolean }
  /** The edge refused for good. */
  | { readonly type: 'refused'; readonly reason: string }
  /** The deadline of the state passed. */
  | { readonly type: 'deadline' }
  | { readonly type: 'close' };

export type LinkEventType = LinkEvent['type'];

/** Never changed in place. Every phase but `closed` has a deadline that ends it. */
export interface ConnectionState {
  readonly phase: Phase;
  /** By the clock that {@link nextState} is given; `Infinity` when closed. */
  readonly deadlineAtMs: number;
  /** Tries to connect in a row that brought no data. */
  readonly failures: number;
  /** Snapshots asked for in a row that did not help. */
  readonly repairs: number;
  /** Reconnect window that the edge announced last. */
  readonly windowMs: number;
  /** Why it came to this, in a few words; empty while all is well. */
  readonly reason: string;
}

/** How long each phase may last. */
export interface Deadlines {
  /** From the try to the welcome. @defaultValue 10000 */
  readonly connectMs: number;
  /**
   * From the welcome to the first data. After tries in a row that brought none it is two, three and at most four times
   * as long: a slow network must not load the same catalogue again and again. @defaultValue 20000
   */
  readonly joinMs: number;
  /** Without any bytes; the edge promises some every 15 s. @defaultValue 25000 */
  readonly silenceMs: number;
  /** From asking for a snapshot to having it. @defaultValue 10000 */
  readonly repairMs: number;
  /** From a probe to any bytes. @defaultValue 3000 */
  readonly probeMs: number;
  /** From a change of the choice or of the rate to its answer. @defaultValue 10000 */
  readonly answerMs: number;
}

export const DEFAULT_DEADLINES: Deadlines = {
  connectMs: 10_000,
  joinMs: 20_000,
  silenceMs: 25_000,
  repairMs: 10_000,
  probeMs: 3000,
  answerMs: 10_000,
};

/** Whatever an edge says, nobody waits for longer; its own longest window is a minute. */
const MAX_WAIT_MS = 600_000;
const MAX_JOIN_FACTOR = 4;
/** Snapshots in a row that may fail before the connection itself is given up. */
const MAX_REPAIRS = 3;

/** Which phase follows; the shell acts on the change. A case that is missing here does not compile. */
const NEXT_PHASE: Readonly<Record<Phase, Readonly<Record<LinkEventType, Phase>>>> = {
  connecting: row('connecting', { welcome: 'joining', lost: 'waiting', bye: 'waiting', deadline: 'waiting' }),
  joining: row('joining', {
    applied: 'live',
    drift: 'repairing',
    bye: 'leaving',
    lost: 'waiting',
    reopen: 'connecting',
    deadline: 'waiting',
  }),
  live: row('live', {
    welcome: 'joining',
    drift: 'repairing',
    probe: 'probing',
    bye: 'leaving',
    lost: 'waiting',
    reopen: 'connecting',
    deadline: 'waiting',
  }),
  repairing: row('repairing', {
    welcome: 'joining',
    applied: 'live',
    bye: 'leaving',
    lost: 'waiting',
    reopen: 'connecting',
    deadline: 'waiting',
  }),
  probing: row('probing', {
    welcome: 'joining',
    applied: 'live',
    bytes: 'live',
    drift: 'repairing',
    bye: 'leaving',
    lost: 'waiting',
    reopen: 'connecting',
    deadline: 'connecting',
  }),
  leaving: row('leaving', { lost: 'waiting', reopen: 'connecting', deadline: 'connecting' }),
  waiting: row('waiting', { probe: 'connecting', reopen: 'connecting', deadline: 'connecting' }),
  closed: row('closed', { refused: 'closed', close: 'closed' }),
};

function row(own: Phase, moves: Partial<Record<LinkEventType, Phase>>): Record<LinkEventType, Phase> {
  return {
    welcome: own,
    applied: own,
    bytes: own,
    drift: own,
    probe: own,
    bye: own,
    lost: own,
    reopen: own,
    deadline: own,
    refused: own === 'waiting' ? own : 'closed',
    close: 'closed',
    ...moves,
  };
}

/** Clock and chance, given from outside. */
export interface Moment {
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly random: number;
}

export const firstState = (nowMs: number, deadlines: Deadlines): ConnectionState => ({
  phase: 'connecting',
  deadlineAtMs: nowMs + deadlines.connectMs,
  failures: 0,
  repairs: 0,
  windowMs: DEFAULT_WINDOW_MS,
  reason: '',
});

/** The state after an event; the same object when the event means nothing in this state. */
export function nextState(
  state: ConnectionState,
  event: LinkEvent,
  moment: Moment,
  deadlines: Deadlines,
): ConnectionState {
  const { nowMs } = moment;
  // The slots that an edge gave out stand: only the waiting after failed tries may be cut short.
  const isHaste = event.type === 'probe' || event.type === 'reopen';
  if (state.phase === 'waiting' && isHaste && state.failures === 0) return state;
  // As often as a snapshot may be asked for on one link, so often may a link be opened for one.
  if (state.phase === 'repairing' && event.type === 'reopen' && state.repairs > MAX_REPAIRS)
    return wait(state, event, moment);
  const phase = NEXT_PHASE[state.phase][event.type];
  if (phase === state.phase) return stay(state, event, nowMs, deadlines);
  switch (phase) {
    case 'closed':
      return { ...state, phase, deadlineAtMs: Number.POSITIVE_INFINITY, reason: reasonOf(event) };
    case 'waiting':
      return wait(state, event, moment);
    case 'connecting':
      return { ...state, phase, deadlineAtMs: nowMs + deadlines.connectMs };
    case 'joining':
      return {
        ...state,
        phase,
        deadlineAtMs: nowMs + deadlines.joinMs * Math.min(MAX_JOIN_FACTOR, 1 + state.failures),
        windowMs: event.type === 'welcome' ? Math.min(MAX_WAIT_MS, event.reconnectWindowMs) : state.windowMs,
      };
    case 'live':
      return {
        ...state,
        phase,
        deadlineAtMs: nowMs + deadlines.silenceMs,
        failures: 0,
        repairs: event.type === 'applied' ? 0 : state.repairs,
        reason: '',
      };
    case 'repairing':
      return {
        ...state,
        phase,
        deadlineAtMs: nowMs + deadlines.repairMs,
        repairs: state.repairs + 1,
        reason: reasonOf(event),
      };
    case 'probing':
      return { ...state, phase, deadlineAtMs: nowMs + deadlines.probeMs };
    case 'leaving':
      // Until its slot the client stays where it is and misses nothing.
      return { ...state, phase, deadlineAtMs: nowMs + slotMs(event), failures: 0, reason: reasonOf(event) };
  }
}

function stay(state: ConnectionState, event: LinkEvent, nowMs: number, deadlines: Deadlines): ConnectionState {
  if (state.phase === 'live' && (event.type === 'bytes' || event.type === 'applied')) {
    return { ...state, deadlineAtMs: nowMs + deadlines.silenceMs };
  }
  if (state.phase === 'repairing' && event.type === 'drift') {
    // The snapshot itself was bad. Its deadline stands, and so does the count that ends this loop.
    if (state.repairs < MAX_REPAIRS) return { ...state, repairs: state.repairs + 1 };
    return { ...state, deadlineAtMs: nowMs };
  }
  return state;
}

function wait(state: ConnectionState, event: LinkEvent, { nowMs, random }: Moment): ConnectionState {
  const reason = reasonOf(event);
  if (state.phase === 'leaving') return { ...state, phase: 'waiting', reason };
  if (event.type === 'bye')
    return { ...state, phase: 'waiting', deadlineAtMs: nowMs + slotMs(event), failures: state.failures + 1, reason };
  const hasFailed = state.phase === 'connecting' || state.phase === 'joining' || state.phase === 'repairing';
  const failures = hasFailed ? state.failures + 1 : state.failures;
  const deadlineAtMs = nowMs + reconnectDelayMs(state.windowMs, failures, random);
  return { ...state, phase: 'waiting', deadlineAtMs, failures, repairs: 0, reason };
}

const slotMs = (event: LinkEvent): number =>
  event.type === 'bye' ? Math.min(MAX_WAIT_MS, Math.max(0, event.reconnectInMs)) : 0;

function reasonOf(event: LinkEvent): string {
  if (event.type === 'deadline') return 'nothing came in time';
  return 'reason' in event ? event.reason : '';
}
