import type { NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import type { ReadStream } from './past.ts';
import type { StoredMessage } from './past-stretch.ts';

const READ_WITHIN_MS = 5000;
/** Some 5 ms of decoding in a field of 40 cars; ticks and other fans have their turn in between. */
const PIECE_MESSAGES = 16;

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Reads the stream of a race out of NATS. @param onProblem Told why something could not be read. */
export function readFrom(connection: NatsConnection, race: string, onProblem: (error: unknown) => void): ReadStream {
  let stream: Promise<RaceStream> | undefined;
  return readInPieces(async (first, last) => {
    stream ??= RaceStream.open(connection, race);
    try {
      return await (await stream).read(first, last, READ_WITHIN_MS);
    } catch (error) {
      stream = undefined;
      throw error;
    }
  }, onProblem);
}

/** Hands on what `read` gives, piece by piece. @param onProblem Told why something could not be read. */
export function readInPieces(
  read: (first: number, last: number) => Promise<readonly StoredMessage[]>,
  onProblem: (error: unknown) => void,
): ReadStream {
  const hand = async (...[first, last, take]: Parameters<ReadStream>) => {
    const messages = await read(first, last).catch((error) => {
      onProblem(error);
      return undefined;
    });
    for (let at = 0; messages && at + PIECE_MESSAGES < messages.length; at += PIECE_MESSAGES) {
      take(messages.slice(at, at + PIECE_MESSAGES), false, Date.now());
      await nextTurn();
    }
    const rest = messages && messages.length - (messages.length % PIECE_MESSAGES || PIECE_MESSAGES);
    take(messages?.slice(rest), true, Date.now());
  };
  return (first, last, take) =>
    void hand(first, last, take).catch((error) => {
      // An error of ours costs those who asked their repair, not the edge its life.
      onProblem(error);
      take(undefined, true, Date.now());
    });
}
