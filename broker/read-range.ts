import { BrokerError } from '../protocol/errors.ts';
import type { RaceStream, StreamMessage } from './race-stream.ts';

/** NATS has this long for the next message before reading is given up. */
const SILENCE_MS = 10_000;

/** First and last sequence of what is to be read; the last one must have been stored. */
export interface SeqRange {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/**
 * Reads the messages of a range, in order, as fast as they are taken.
 * @param onMessage Synchronous; when it throws, reading ends with its error.
 * @throws {BrokerError} `stream_slow`, retryable, when NATS delivers no more; the reason of `signal` when it aborts.
 */
export async function readRange(
  stream: RaceStream,
  { firstSeq, lastSeq }: SeqRange,
  onMessage: (message: StreamMessage) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let heardSeq = firstSeq - 1;
  const fail = () =>
    reject(
      new BrokerError('stream_slow', `NATS delivers nothing after sequence ${heardSeq} of ${lastSeq}; try again.`, {
        retryable: true,
      }),
    );
  const silence = setTimeout(fail, SILENCE_MS);
  const abort = () => reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  let isOver = false;
  const follower = await stream.follow(firstSeq, (message) => {
    if (isOver) return;
    heardSeq = message.seq;
    silence.refresh();
    try {
      if (message.seq <= lastSeq) onMessage(message);
    } catch (error) {
      isOver = true;
      reject(error);
    }
    if (message.seq >= lastSeq) resolve();
  });
  try {
    signal?.throwIfAborted();
    await promise;
  } finally {
    isOver = true;
    clearTimeout(silence);
    signal?.removeEventListener('abort', abort);
    // Not awaited: without a connection it would wait for one.
    void follower.stop().catch(() => {});
  }
}
