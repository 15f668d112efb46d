import type { RaceStream, StreamMessage } from '../broker/race-stream.ts';
import { type Catalogue, parseCatalogue } from '../protocol/catalogue.ts';
import type { RaceDocument } from '../protocol/document.ts';
import { applyPatch } from '../protocol/document-patch.ts';
import { BrokerError, TelemetryError } from '../protocol/errors.ts';
import type { Field } from '../protocol/field.ts';
import {
  applyTick,
  decodeDocPatch,
  decodeKeyframe,
  readStreamHead,
  type StreamHead,
} from '../protocol/tick-message.ts';
import { unpack } from '../protocol/unpack.ts';
import type { Outgoing } from './outgoing.ts';
import { RACE_START } from './race-publisher.ts';

/** Where a race stands in its stream. */
export interface Standstill {
  readonly epoch: string;
  /** Tick that was published last. */
  readonly tick: number;
  readonly closeAtMs: number;
  readonly field: Field;
  readonly document: RaceDocument;
  readonly docRevision: number;
  readonly catalogue: Catalogue;
}

/** What a new publisher finds: where the race stands, if it can be continued, and the newest sequence of each subject. */
export interface Found {
  readonly standstill: Standstill | undefined;
  /** Why a race that is in the stream cannot be continued, one sentence; a new epoch has to begin then. */
  readonly problem?: string;
  readonly lastSeqs: ReadonlyMap<string, number>;
}

/** The newest message of each subject of a race; `undefined` for none. */
export type Newest = ReadonlyMap<string, StreamMessage | undefined>;

export const seqsOf = (newest: Newest): ReadonlyMap<string, number> =>
  new Map([...newest].map(([subject, message]) => [subject, message?.seq ?? 0]));

export async function readNewest(stream: Pick<RaceStream, 'last' | 'subjects'>): Promise<Newest> {
  const { tick, keyframe, doc, catalogue } = stream.subjects;
  const newest = new Map<string, StreamMessage | undefined>();
  for (const subject of [tick, keyframe, doc, catalogue]) newest.set(subject, await stream.last(subject));
  return newest;
}

/** How long the stream may take to deliver what it says it has. */
const READ_TIMEOUT_MS = 5_000;

/**
 * Reads the end of the stream: the last keyframe and what follows it. A stream that cannot be read is no reason to
 * keep a live race off the air: it is reported, and the caller begins a new epoch behind it.
 */
export async function findStandstill(stream: RaceStream): Promise<Found> {
  const { keyframe, catalogue } = stream.subjects;
  const newest = await readNewest(stream);
  const lastSeqs = seqsOf(newest);
  const base = newest.get(keyframe);
  const text = newest.get(catalogue);
  if (!base || !text) return { standstill: undefined, lastSeqs };
  try {
    const known = parseCatalogue(new TextDecoder().decode(text.data));
    const until = Math.max(...lastSeqs.values());
    const standstill = replay(
      pointOf(base.data, known),
      known,
      await stream.read(base.seq + 1, until, READ_TIMEOUT_MS),
    );
    return { standstill, lastSeqs };
  } catch (error) {
    if (!(error instanceof TelemetryError) || error.retryable) throw error;
    return { standstill: undefined, lastSeqs, problem: error.message };
  }
}

/** A state of the race, and messages that lead on from it. */
type Point = Omit<Standstill, 'catalogue'>;

function pointOf(data: Uint8Array, catalogue: Catalogue): Point {
  const { head, field, doc, docRevision } = decodeKeyframe(data, catalogue);
  const { epoch, tick, closeAtMs } = head;
  return { epoch, tick, closeAtMs, field, document: unpack(doc) as RaceDocument, docRevision };
}

/**
 * Where a race stands after messages that have not come into the stream yet.
 * @param base Keyframe that they build on; `undefined` when the epoch begins with them.
 * @throws {TelemetryError} when they do not fit together.
 */
export function replaySpooled(
  epoch: string,
  catalogue: Catalogue,
  base: Uint8Array | undefined,
  messages: readonly Outgoing[],
): Standstill {
  const start = base ? pointOf(base, catalogue) : { ...RACE_START, epoch };
  return replay(
    start,
    catalogue,
    messages.map(({ subject, data }, seq) => ({ subject, data, seq })),
  );
}

function replay(start: Point, catalogue: Catalogue, messages: readonly StreamMessage[]): Standstill {
  const { epoch } = start;
  let { tick, closeAtMs, field, document, docRevision } = start;
  for (const message of messages) {
    const kind = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    if (kind === 'tick') {
      const head = readStreamHead(message.data);
      expectNext('tick', message, epoch, head, tick, head.tick);
      field = applyTick(message.data, catalogue, field).field;
      ({ tick, closeAtMs } = head);
    } else if (kind === 'keyframe') {
      // What a spool begins with may be a change of the document short of it.
      ({ field, document, docRevision } = pointOf(message.data, catalogue));
    } else if (kind === 'doc') {
      const patch = decodeDocPatch(message.data);
      expectNext('document revision', message, epoch, patch.head, docRevision, patch.docRevision);
      document = applyPatch(document, unpack(patch.patch)) as RaceDocument;
      docRevision = patch.docRevision;
    }
  }
  return { epoch, tick, closeAtMs, field, document, docRevision, catalogue };
}

/** A race whose stream has a hole must not be continued: a tick number would be given twice. */
function expectNext(
  what: string,
  { seq }: StreamMessage,
  epoch: string,
  head: StreamHead,
  last: number,
  next: number,
): void {
  if (head.epoch === epoch && next === last + 1) return;
  throw new BrokerError(
    'stream_damaged',
    `Sequence ${seq} holds ${what} ${next} of epoch ${head.epoch}, but ${what} ${last + 1} of epoch ${epoch} comes next.`,
  );
}
