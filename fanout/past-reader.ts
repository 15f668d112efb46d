import type { NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import type { ReadStream } from './past.ts';

const READ_WITHIN_MS = 5000;

/** Reads the stream of a race out of NATS. @param onProblem Told why something could not be read. */
export function readFrom(connection: NatsConnection, race: string, onProblem: (error: unknown) => void): ReadStream {
  let stream: Promise<RaceStream> | undefined;
  const read = async (first: number, last: number) => {
    stream ??= RaceStream.open(connection, race);
    try {
      return await (await stream).read(first, last, READ_WITHIN_MS);
    } catch (error) {
      stream = undefined;
      onProblem(error);
      return undefined;
    }
  };
  return (first, last, done) => void read(first, last).then((messages) => done(messages, Date.now()));
}
