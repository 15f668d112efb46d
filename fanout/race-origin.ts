import type { NatsConnection } from '../broker/connection.ts';
import { Follower, type FollowerEvents } from './follower.ts';
import type { ReadStream } from './past.ts';
import { readFrom } from './past-reader.ts';
import type { SegmentSource } from './segments.ts';
import { streamSegments } from './stream-segments.ts';

/** What comes of a race, which can be held back; see {@link Follower}. */
export type Feed = Pick<Follower, 'hold' | 'release' | 'waiting' | 'stop'>;

/** Where a race comes from. */
export interface RaceOrigin {
  /** Begins to tell; nothing is told before it has returned. */
  follow(events: FollowerEvents): Feed;
  /** Reads what lies before the ring. @param onProblem Told why something could not be read. */
  readStream(onProblem: (error: unknown) => void): ReadStream;
  /** What is over of the race. */
  readonly segments: SegmentSource;
  /** Whoever would tell of the next tick does not answer. */
  isAway(): boolean;
  /** No tick will come any more. */
  readonly isOver: boolean;
}

/** A race whose stream is in NATS. */
export function natsOrigin(connection: NatsConnection, race: string, isConnected: () => boolean): RaceOrigin {
  let follower: Follower | undefined;
  return {
    follow: (events) => {
      follower = new Follower(connection, race, events);
      return follower;
    },
    readStream: (onProblem) => readFrom(connection, race, onProblem),
    segments: streamSegments(connection, race, isConnected),
    isAway: () => !isConnected() || follower?.isAnswered === false,
    isOver: false,
  };
}
