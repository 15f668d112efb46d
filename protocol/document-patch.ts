import jsonpatch, { type Operation } from 'fast-json-patch';
import { ProtocolError } from './errors.ts';

/** A list of RFC 6902 operations. */
export type Patch = readonly Operation[];

/** Most operations that one patch may hold; a whole document has fewer values. */
const MAX_OPERATIONS = 10_000;

/** What turns `before` into `after`; empty when nothing changed. Both must be plain JSON without NaN. */
export const diffDocuments = (before: object, after: object): Patch => jsonpatch.compare(before, after);

/**
 * The document after a patch, as a new value; `document` is left alone.
 * @param patch What came from outside; it is checked.
 * @throws {ProtocolError} `bad_patch` when it is no patch or does not fit the document.
 */
export function applyPatch<T extends object>(document: T, patch: unknown): T {
  if (!Array.isArray(patch) || patch.length > MAX_OPERATIONS) {
    throw new ProtocolError('bad_patch', `A patch must be a list of at most ${MAX_OPERATIONS} operations.`);
  }
  try {
    return jsonpatch.applyPatch(document, patch as Operation[], true, false, true).newDocument;
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n');
    throw new ProtocolError('bad_patch', `The patch does not fit the document: ${reason}`, { cause });
  }
}
