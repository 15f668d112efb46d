import { Unpackr } from 'msgpackr';
import { ProtocolError } from './errors.ts';

const unpackr = new Unpackr({ useRecords: false, copyBuffers: true });

/**
 * Decodes what `pack` made. Not for bytes from strangers: it follows what they declare.
 *
 * @returns A value that shares nothing with `bytes`; a key `__proto__` comes back as `__proto_`.
 * @throws {ProtocolError} `bad_pack`: the bytes are not exactly one MessagePack value.
 */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return unpackr.unpack(bytes);
  } catch (cause) {
    throw new ProtocolError('bad_pack', `${bytes.length} bytes are not one MessagePack value.`, { cause });
  }
}
