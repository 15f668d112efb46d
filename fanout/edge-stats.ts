import type { Refusal } from './admission.ts';
import type { FanTally } from './courier.ts';
import type { FanStage, Transport } from './fan.ts';
import type { JsonFans } from './json-fans.ts';
import type { PollTally } from './poll-room.ts';
import type { Races } from './races.ts';
import type { RaceStatus } from './standstill.ts';

/** What one race costs and does on this edge. */
export interface RaceStats {
  readonly status: RaceStatus;
  /** For how long no tick has come, in ms, while fans are told that the race is stale; 0 otherwise. */
  readonly staleForMs: number;
  readonly fans: number;
  readonly stages: Readonly<Record<Exclude<FanStage, 'gone'>, number>>;
  /** `json`: streams of JSON, for people. `poll`: requests that wait; they are none of the fans. */
  readonly transports: Readonly<Record<Transport | 'json' | 'poll', number>>;
  /** Events of the streams of JSON. */
  readonly json: JsonFans['tally'] & { readonly made: number };
  readonly tick: number | undefined;
  /** Ticks kept for fans who come back. */
  readonly ringTicks: number;
  readonly tally: FanTally;
  /** Long polls that wait, and what others got. */
  readonly polls: PollTally & {
    readonly waiting: number;
    /** Answers that were made, each for all who ask the same. */
    readonly made: number;
  };
  /** Bytes that wait in the sockets of all fans. */
  readonly pendingBytes: number;
  /** Slices and frames that were encoded for this life of the state. */
  readonly encodedSlices: number;
  readonly joinedFrames: number;
  /** Stretches of the stream that were read for fans who came from before the ring, in this life of the state. */
  readonly stretchesRead: number;
  /** How often the state did not fit the stream, by reason. */
  readonly losses: Readonly<Record<string, number>>;
  readonly problems: Readonly<Record<string, number>>;
}

export interface EdgeStats {
  readonly fans: number;
  /** What the edge takes: the limit, or less where the process may hold too few descriptors. */
  readonly maxFans: number;
  /** Handshakes that got no WebSocket, and requests that got no stream, by reason. */
  readonly refused: Readonly<Record<Refusal, number>>;
  /** Open now: fans and plain HTTP. */
  readonly connections: number;
  /** Connections that were closed at once: there was no descriptor left for them. */
  readonly turnedAway: number;
  /** Questions of fans to NATS for their sessions: let in and turned away; and devices that are told of changes. */
  readonly sessions: { readonly asked: number; readonly refused: number; readonly devices: number };
  readonly isConnected: boolean;
  readonly races: Readonly<Record<string, RaceStats>>;
}

/** The numbers of every race, by its name. */
export function statsOf(races: Races, nowMs: number): Record<string, RaceStats> {
  const entries = races.all().map((race): [string, RaceStats] => {
    const { state, fans, polls, people } = race;
    return [
      race.name,
      {
        status: fans.verdict.status,
        staleForMs: fans.verdict.reason ? Math.max(0, nowMs - fans.standstill.sinceMs) : 0,
        fans: fans.size + people.size,
        stages: fans.stages,
        transports: { ...fans.transports, json: people.size, poll: polls.size },
        json: { ...people.tally, made: people.made },
        tick: state?.head?.tick,
        ringTicks: state?.ring.size ?? 0,
        tally: fans.tally,
        polls: {
          ...polls.tally,
          waiting: polls.size,
          made: Object.values(race.pollAnswers).reduce((sum, { made }) => sum + made, 0),
        },
        pendingBytes: fans.pendingBytes + people.pendingBytes,
        encodedSlices: fans.delivery?.maker.encoder.encoded ?? 0,
        joinedFrames: fans.delivery?.maker.made ?? 0,
        stretchesRead: fans.delivery?.past.reads ?? 0,
        losses: Object.fromEntries(state?.losses ?? []),
        problems: Object.fromEntries(race.problems),
      },
    ];
  });
  return Object.fromEntries(entries);
}
