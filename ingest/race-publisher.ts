import type { Catalogue } from '../protocol/catalogue.ts';
import type { RaceDocument } from '../protocol/document.ts';
import { diffDocuments } from '../protocol/document-patch.ts';
import { EMPTY_FIELD, type Field } from '../protocol/field.ts';
import { pack } from '../protocol/pack.ts';
import { encodeDocPatch, encodeKeyframe, encodeTick, type StreamHead } from '../protocol/tick-message.ts';
import type { Outgoing } from './outgoing.ts';

/** A keyframe at least every so many ticks: 10 s at 2 Hz. */
const KEYFRAME_EVERY = 20;

/** Where a race stands after a tick. */
export interface RacePoint {
  readonly tick: number;
  readonly field: Field;
  readonly document: RaceDocument;
  readonly docRevision: number;
  /** When that tick closed, Unix ms. */
  readonly closeAtMs: number;
}

/** Where an epoch begins: before its first tick. */
export const RACE_START: RacePoint = {
  tick: -1,
  field: EMPTY_FIELD,
  document: {} as RaceDocument,
  docRevision: 0,
  closeAtMs: 0,
};

/** What identifies every message of a run. */
export interface RunIdentity {
  readonly epoch: string;
  readonly catalogue: Catalogue;
  readonly subjects: {
    readonly catalogue: string;
    readonly tick: string;
    readonly keyframe: string;
    readonly doc: string;
  };
}

const headOf = (run: RunIdentity, tick: number, closeAtMs: number): StreamHead => ({
  tick,
  closeAtMs,
  epoch: run.epoch,
  catalogueTag: run.catalogue.tag,
});

/** The catalogue stands before the first tick of an epoch, and again every hour: a stream may forget what is older. */
const CATALOGUE_EVERY = 7200;

const encodePoint = (run: RunIdentity, point: RacePoint): Uint8Array =>
  encodeKeyframe(
    headOf(run, point.tick, point.closeAtMs),
    run.catalogue,
    point.field,
    pack(point.document),
    point.docRevision,
  );

/** What a message that follows a point builds on; see {@link Outgoing.base}. */
const baseOf = (run: RunIdentity, point: RacePoint) => () => (point.tick < 0 ? undefined : encodePoint(run, point));

/** What must stand in the stream before the tick after `before`: the catalogue, or nothing. */
export function encodePreamble(run: RunIdentity, before: RacePoint): Outgoing[] {
  if ((before.tick + 1) % CATALOGUE_EVERY !== 0) return [];
  const data = new TextEncoder().encode(run.catalogue.json);
  const id = `${run.epoch}:c${run.catalogue.hash}`;
  return [{ subject: run.subjects.catalogue, data, id, base: baseOf(run, before) }];
}

/** The message of the tick after `before`: what fans wait for. */
export function encodeTickMessage(run: RunIdentity, before: RacePoint, after: Field, closeAtMs: number): Outgoing {
  const tick = before.tick + 1;
  const data = encodeTick(headOf(run, tick, closeAtMs), run.catalogue, before.field, after);
  return { subject: run.subjects.tick, data, id: `${run.epoch}:${tick}`, base: baseOf(run, before) };
}

/** What follows a tick in the stream, in order, and where the race stands then. */
export interface Trailers {
  readonly messages: readonly Outgoing[];
  readonly point: RacePoint;
}

/**
 * The messages behind the tick after `before`: the change of the document if there is one, and a keyframe when it is
 * time, when `isFirst` of this publisher, or when cars came or went.
 */
export function encodeTrailers(
  run: RunIdentity,
  before: RacePoint,
  next: { readonly field: Field; readonly document: RaceDocument; readonly closeAtMs: number },
  isFirst: boolean,
): Trailers {
  const { epoch, catalogue, subjects } = run;
  const tick = before.tick + 1;
  const { closeAtMs } = next;
  const head = headOf(run, tick, closeAtMs);
  const messages: Outgoing[] = [];
  // A keyframe behind the change of the document says all by itself: it may stand on the document before.
  const base = baseOf(run, { ...before, tick, field: next.field, closeAtMs });
  let { docRevision } = before;
  const patch = diffDocuments(before.document, next.document);
  if (patch.length > 0) {
    docRevision++;
    const data = encodeDocPatch(head, docRevision, pack(patch));
    messages.push({ subject: subjects.doc, data, id: `${epoch}:d${docRevision}`, base });
  }
  if (isFirst || tick % KEYFRAME_EVERY === 0 || hasOtherCars(before.field, next.field)) {
    const data = encodeKeyframe(head, catalogue, next.field, pack(next.document), docRevision);
    messages.push({ subject: subjects.keyframe, data, id: `${epoch}:k${tick}`, base });
  }
  return { messages, point: { tick, field: next.field, document: next.document, docRevision, closeAtMs } };
}

function hasOtherCars(before: Field, after: Field): boolean {
  if (before.states.length !== after.states.length) return true;
  return after.states.some((state, slot) => (state === undefined) !== (before.states[slot] === undefined));
}
