import type { NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import type { SeqRange } from '../broker/read-range.ts';
import { ConfigError } from '../protocol/errors.ts';

/**
 * What the stream of a race holds from a sequence on.
 * @throws {ConfigError} `unknown_race`, `empty_race`.
 */
export async function findRange(connection: NatsConnection, stream: RaceStream, from: number): Promise<SeqRange> {
  const range = await stream.range();
  if (!range) {
    const races = await RaceStream.list(connection);
    const held = races.length === 0 ? 'it holds none' : `it holds ${races.join(', ')}`;
    throw new ConfigError('unknown_race', `NATS holds no race ${stream.race}; ${held}.`);
  }
  // Of a stream that has forgotten everything, the first sequence is the one to come.
  const firstSeq = Math.max(from, range.firstSeq);
  if (firstSeq > range.lastSeq) {
    throw new ConfigError(
      'empty_race',
      `Race ${stream.race} holds no message from sequence ${firstSeq} on; its last sequence was ${range.lastSeq}.`,
    );
  }
  return { firstSeq, lastSeq: range.lastSeq };
}
