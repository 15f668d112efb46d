import type { Operation } from 'fast-json-patch';
import jsonpatch from 'fast-json-patch';
import { ProtocolError } from './errors.ts';

/** One RFC 6902 operation. */
export type PatchOperation = Operation;

/** Most operations in one patch. */
export const MAX_PATCH_OPERATIONS = 10_000;
/** A copy can double a document: a handful is enough for people, thirty would fill the memory. */
const MAX_COPIES = 8;

const OPERATIONS = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);
/** Names that lead out of the document into the prototypes of the process. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

const refuse = (message: string, cause?: unknown) =>
  new ProtocolError('bad_patch', message, cause === undefined ? {} : { cause });

function checkPointer(pointer: unknown): void {
  if (typeof pointer !== 'string') throw refuse('An operation of a document patch has no path.');
  if (pointer.split('/').some((token) => FORBIDDEN.has(token)))
    throw refuse(`A document patch may not touch ${JSON.stringify(pointer.slice(0, 60))}.`);
}

function checkOperations(value: unknown): asserts value is PatchOperation[] {
  if (!Array.isArray(value) || value.length > MAX_PATCH_OPERATIONS)
    throw refuse(`A document patch must be a list of at most ${MAX_PATCH_OPERATIONS} operations.`);
  let copies = 0;
  for (const operation of value) {
    if (!OPERATIONS.has(operation?.op)) throw refuse(`A document patch has an operation that RFC 6902 does not name.`);
    checkPointer(operation.path);
    if (operation.op === 'move' || operation.op === 'copy') checkPointer(operation.from);
    if (operation.op === 'copy') copies++;
  }
  if (copies > MAX_COPIES) throw refuse(`A document patch has ${copies} copies; at most ${MAX_COPIES} are allowed.`);
}

/**
 * The document after a patch, as a new value; neither `document` nor `operations` is touched.
 * @throws {ProtocolError} `bad_patch`: no RFC 6902 list, or it does not fit the document. Nothing was applied then.
 */
export function applyPatch(document: unknown, operations: unknown): unknown {
  checkOperations(operations);
  try {
    return jsonpatch.applyPatch(document, jsonpatch.deepClone(operations), true, false).newDocument;
  } catch (cause) {
    throw refuse(`A document patch does not fit the document (${(cause as Error).name}).`, cause);
  }
}

/** The operations that lead from one JSON document to another; empty when they are equal. */
export const diffDocuments = (before: object, after: object): PatchOperation[] => jsonpatch.compare(before, after);
