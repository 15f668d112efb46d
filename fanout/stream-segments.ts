import type { NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { parseCatalogue } from '../protocol/catalogue.ts';
import { BrokerError } from '../protocol/errors.ts';
import { peekStreamHead } from '../protocol/tick-message.ts';
import type { SegmentSource } from './segments.ts';

const READ_WITHIN_MS = 5000;

/** Segments out of the stream of a race in NATS. */
export function streamSegments(connection: NatsConnection, race: string, isConnected: () => boolean): SegmentSource {
  let opening: Promise<RaceStream> | undefined;
  const use = async <T>(action: (stream: RaceStream) => Promise<T>): Promise<T> => {
    // A request to a NATS that is known to be away would only wait for its end.
    if (!isConnected()) throw new BrokerError('nats_away', 'NATS is away.', { retryable: true });
    opening ??= RaceStream.open(connection, race);
    const opened = opening;
    try {
      return await action(await opened);
    } catch (error) {
      if (opening === opened) opening = undefined;
      throw error;
    }
  };
  return {
    keyframes: (afterSeq, take) =>
      use((stream) =>
        stream.readSubject(stream.subjects.keyframe, afterSeq, ({ seq, data }) => take(seq, peekStreamHead(data))),
      ),
    messages: (first, last) =>
      use(async (stream) => {
        const messages = await stream.read(first, last, READ_WITHIN_MS);
        return messages.map(({ seq, data }) => ({ seq, message: data }));
      }),
    catalogues: () =>
      use(async (stream) => {
        const texts = new Set<string>();
        await stream.readSubject(stream.subjects.catalogue, 0, ({ data }) => texts.add(new TextDecoder().decode(data)));
        return [...texts].map((text) => parseCatalogue(text));
      }),
  };
}
