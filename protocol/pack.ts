import { Packr } from 'msgpackr';
import { ProtocolError } from './errors.ts';

/** Plain maps only: records with shared structures cannot be read by whoever joins late. */
const packr = new Packr({ useRecords: false, variableMapSize: true, copyBuffers: true });

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

/**
 * Decodes what {@link pack} made. Not for bytes from strangers: it follows what they declare.
 *
 * @returns A value that shares nothing with `bytes`; a key `__proto__` comes back as `__proto_`.
 * @throws {ProtocolError} `bad_pack`: the bytes are not exactly one MessagePack value.
 */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (cause) {
    throw new ProtocolError('bad_pack', `${bytes.length} bytes are not one MessagePack value.`, { cause });
  }
}

/** MessagePack has no undefined; msgpackr would write an extension that others cannot read. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => withoutUndefined(one) ?? null);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutUndefined(one)]));
}
