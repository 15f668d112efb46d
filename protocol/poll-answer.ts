import { ByteReader, ByteWriter } from './bytes.ts';
import type { Receipt, Stale } from './control.ts';
import { describeValue, ProtocolError } from './errors.ts';
import { isEpoch, isRaceName, parsePosition } from './position.ts';

/** First byte of an answer to a long poll: a page of some proxy in between begins with another one. */
export const POLL_ANSWER = 0x14;
const VERSION = 1;
const MAX_HEAD_BYTES = 4096;

/** What an answer says of itself. The same for everybody who asks with the same position: it names no client and no edge. */
export interface PollHead {
  readonly race: string;
  readonly epoch: string;
  /** Hash of the catalogue, served at `/catalogue/<hash>`. */
  readonly catalogue: string;
  readonly tickMs: number;
  /**
   * - `deltas`: the messages of the stream that follow the position, from its beginning on and without a hole; none when
   *   nothing has come.
   * - `snapshot`: one keyframe, which builds on nothing.
   * - `segment`: a keyframe and what follows it up to the tick of the next one; no answer to a poll, but of the same form.
   */
  readonly kind: 'deltas' | 'snapshot' | 'segment';
  /** Why a snapshot and not what follows; with `snapshot` only. */
  readonly reason?: Receipt['reason'];
  /** The position that was asked with, with `deltas`; that of the keyframe, with `segment`. */
  readonly from?: string;
  /** The position after this answer, to ask with the next time. */
  readonly to: string;
  /** No tick comes any more: as of the last one of this answer, and never in an answer that has ticks. */
  readonly stale?: Omit<Stale, 'type'>;
  /** Tick messages in the answer. */
  readonly ticks: number;
}

/** A message as the stream holds it. */
export interface StreamRecord {
  readonly seq: number;
  readonly message: Uint8Array;
}

const writer = new ByteWriter();

/** An answer of these records, in ascending order of seq. */
export function encodePollAnswer(head: PollHead, records: readonly StreamRecord[]): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(head));
  writer.start();
  writer.u8(POLL_ANSWER);
  writer.u8(VERSION);
  writer.varint(text.length);
  writer.bytes(text);
  for (const { seq, message } of records) {
    writer.u48(seq);
    writer.varint(message.length);
    writer.bytes(message);
  }
  return writer.finish();
}

/**
 * Reads an answer. The messages are views into it and are not looked at.
 * @throws {ProtocolError} `bad_type`, `bad_version`, `cut`, `bad_code`, `bad_answer`.
 */
export function decodePollAnswer(bytes: Uint8Array): { head: PollHead; records: StreamRecord[] } {
  const reader = new ByteReader(bytes);
  const type = reader.u8('the type');
  if (type !== POLL_ANSWER)
    throw new ProtocolError('bad_type', `An answer to a poll must be of type 0x14, but is of type ${type}.`);
  const version = reader.u8('the version');
  if (version !== VERSION)
    throw new ProtocolError('bad_version', `The answer is in version ${version}; this program reads ${VERSION}.`);
  const length = reader.varint('the length of the head');
  if (length > MAX_HEAD_BYTES)
    throw new ProtocolError('bad_answer', `The head has ${length} bytes; at most ${MAX_HEAD_BYTES} are allowed.`);
  const at = reader.take(length, 'the head');
  const head = readHead(bytes.subarray(at, at + length));
  const records = readRecords(reader);
  const end = records.at(-1)?.seq;
  if (end !== undefined && end !== parsePosition(head.to)!.seq)
    throw new ProtocolError('bad_answer', `The answer ends with seq ${end}, but says that it leads to ${head.to}.`);
  return { head, records };
}

function readRecords(reader: ByteReader): StreamRecord[] {
  const records: StreamRecord[] = [];
  let last = 0;
  while (reader.left > 0) {
    const seq = reader.u48('the seq of a record');
    if (seq <= last) throw new ProtocolError('bad_answer', `Seq ${seq} cannot follow ${last}; records must ascend.`);
    last = seq;
    const length = reader.varint('the length of a record');
    const at = reader.take(length, 'a record');
    records.push({ seq, message: reader.bytes.subarray(at, at + length) });
  }
  return records;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (is: (text: string) => boolean) => (value: unknown) => typeof value === 'string' && is(value);
const isPosition = isText((text) => parsePosition(text) !== undefined);

function isStale(value: unknown): boolean {
  if (value === undefined) return true;
  const { tick, sinceMs, reason } = (value ?? {}) as Record<string, unknown>;
  return isCount(tick) && isCount(sinceMs) && typeof reason === 'string';
}

const FIELDS: readonly [name: keyof PollHead, is: (value: unknown) => boolean][] = [
  ['race', isText(isRaceName)],
  ['epoch', isText(isEpoch)],
  ['catalogue', isText((text) => /^[0-9a-f]{64}$/.test(text))],
  ['tickMs', (value) => isCount(value) && value !== 0],
  ['kind', (value) => value === 'deltas' || value === 'snapshot' || value === 'segment'],
  ['reason', (value) => value === undefined || typeof value === 'string'],
  ['from', (value) => value === undefined || isPosition(value)],
  ['to', isPosition],
  ['stale', isStale],
  ['ticks', isCount],
];

function readHead(bytes: Uint8Array): PollHead {
  let value: Record<string, unknown> | null;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new ProtocolError('bad_answer', 'The head of an answer to a poll is no JSON.', { cause });
  }
  for (const [name, is] of FIELDS)
    if (!is(value?.[name]))
      throw new ProtocolError('bad_answer', `The head of an answer has the ${name} ${describeValue(value?.[name])}.`);
  const head = value as unknown as PollHead;
  if (parsePosition(head.to)!.epoch !== head.epoch)
    throw new ProtocolError('bad_answer', `The answer is in epoch ${head.epoch}, but leads to ${head.to}.`);
  return head;
}
