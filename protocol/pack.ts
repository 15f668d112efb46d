import { Packr } from 'msgpackr';

/** Plain maps only: records with shared structures cannot be read by whoever joins late. */
const packr = new Packr({ useRecords: false, variableMapSize: true });

/**
 * Encodes a JSON-like value as MessagePack that any language can read.
 *
 * @returns Bytes that the caller owns, in a buffer of their own. NaN and the infinities survive; a property that is
 *   undefined is left out, as in JSON.
 */
export function pack(value: unknown): Uint8Array {
  // msgpackr hands out slices of a pool that it writes on into.
  return new Uint8Array(packr.pack(withoutUndefined(value)));
}

/** MessagePack has no undefined; msgpackr would write an extension that others cannot read. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => withoutUndefined(one) ?? null);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutUndefined(one)]));
}
