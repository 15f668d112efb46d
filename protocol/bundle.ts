import { ByteReader, ByteWriter } from './bytes.ts';
import { ProtocolError } from './errors.ts';

/** First byte of a message that carries several tick frames, in order, each behind its length. */
export const BUNDLE = 0x13;

/** Joins tick frames into one message: a fan that missed thousands of ticks costs a send for every hundred of them. */
export class BundleWriter {
  readonly #writer = new ByteWriter();
  /** Bytes of the frames alone. */
  frameBytes = 0;

  start(): void {
    this.#writer.start();
    this.#writer.u8(BUNDLE);
    this.frameBytes = 0;
  }

  /** @param frame Copied. */
  add(frame: Uint8Array): void {
    this.#writer.varint(frame.length);
    this.#writer.bytes(frame);
    this.frameBytes += frame.length;
  }

  /** The message, to keep. */
  finish(): Uint8Array {
    return this.#writer.finish();
  }
}

/**
 * The frames of a bundle, as views into it.
 * @throws {ProtocolError} `bad_type`, `cut`, `bad_code`; where the bytes end too early, the frames before have been given.
 */
export function* readBundle(bytes: Uint8Array): Generator<Uint8Array> {
  const reader = new ByteReader(bytes);
  const type = reader.u8('the message type');
  if (type !== BUNDLE) throw new ProtocolError('bad_type', `A bundle must be of type 0x13, but is of type ${type}.`);
  while (reader.left > 0) {
    const length = reader.varint('the length of a frame');
    const at = reader.take(length, 'a frame of a bundle');
    yield bytes.subarray(at, at + length);
  }
}
