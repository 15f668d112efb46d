import type { StreamMessage } from '../broker/race-stream.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { readStreamHead, type StreamHead } from '../protocol/tick-message.ts';
import type { Outgoing } from './outgoing.ts';
import type { Newest } from './recovery.ts';
import type { SpoolLeft } from './spool.ts';

/**
 * What becomes of a spool: it is published from the message with a number on, or not at all.
 * `isLoss`: the stream no longer has what NATS had acknowledged, so that its end must not be continued.
 */
export type SpoolPlan =
  | { readonly kind: 'publish'; readonly from: number }
  | { readonly kind: 'discard'; readonly reason: string; readonly isLoss: boolean };

/**
 * Compares a spool with the stream, which is the truth. Pure.
 *
 * One message is under way at a time, so that what the stream has of a spool is its beginning. That is so exactly when
 * the newest message of each subject is the one that was newest before the spool, or one of the spool. Any other was
 * written by somebody else, who went on where this publisher had not come.
 *
 * @param messages All that wait, from `left.settled.upTo` on; read only as far as is needed.
 */
export function planSpool(
  left: SpoolLeft,
  newest: Newest,
  tickSubject: string,
  messages: Iterable<Outgoing>,
): SpoolPlan {
  const { upTo, lastSeqs } = left.settled;
  const discard = (reason: string, isLoss = false): SpoolPlan => ({ kind: 'discard', reason, isLoss });
  const newestTick = newest.get(tickSubject);
  const open = new Map<string, StreamMessage>();
  for (const [subject, message] of newest) {
    const known = lastSeqs.get(subject) ?? 0;
    const seq = message?.seq ?? 0;
    if (seq < known) {
      // Another NATS, or an epoch that was begun since, has lost nothing.
      const isLoss = !newestTick || isOf(left.epoch, newestTick.data);
      return discard(`NATS had acknowledged sequence ${known} of ${subject}, but its newest is ${seq}`, isLoss);
    }
    if (message && seq > known) open.set(subject, message);
  }
  let from = upTo;
  let number = upTo;
  let isFirstTick = true;
  for (const { subject, data } of messages) {
    if (subject === tickSubject && isFirstTick) {
      isFirstTick = false;
      // The same sequences may belong to another NATS.
      const isOther = !open.has(subject) && !precedes(newestTick?.data, data);
      if (isOther) return discard('the stream ends with another tick than the one before them');
    }
    number++;
    const stored = open.get(subject);
    if (!stored || Buffer.compare(stored.data, data) !== 0) continue;
    open.delete(subject);
    from = number;
    if (open.size === 0 && !isFirstTick) break;
  }
  const [other] = open.values();
  if (other) return discard(`another publisher has written sequence ${other.seq} of ${other.subject} meanwhile`);
  if (isFirstTick && !isOf(left.epoch, newestTick?.data)) return discard('the stream is in another epoch');
  return { kind: 'publish', from };
}

/** Whether a tick is the next one after another, or the first of an epoch. */
function precedes(before: Uint8Array | undefined, after: Uint8Array): boolean {
  const next = readStreamHead(after);
  const last = readHead(before);
  return next.tick === 0 || (last?.epoch === next.epoch && last.tick + 1 === next.tick);
}

const isOf = (epoch: string, tick: Uint8Array | undefined): boolean => readHead(tick)?.epoch === epoch;

/** Head of what the newest tick should be; anybody may have written anything there. */
function readHead(bytes: Uint8Array | undefined): StreamHead | undefined {
  try {
    return bytes && readStreamHead(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
