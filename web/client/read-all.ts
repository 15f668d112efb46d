import { ProtocolError } from '../../protocol/errors.ts';
import type { FetchAnswer } from './fetch.ts';

/**
 * The whole body of an answer.
 * @param what Names the answer, such as `an answer to a poll`.
 * @throws {ProtocolError} `bad_answer` when it has no body, or one of more than `maxBytes`: the rest is not fetched.
 */
export async function readAll({ body }: FetchAnswer, maxBytes: number, what: string): Promise<Uint8Array> {
  if (!body) throw new ProtocolError('bad_answer', `There is no body in ${what}.`);
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw new ProtocolError('bad_answer', `There are more than ${maxBytes} bytes in ${what}.`);
    }
    parts.push(part.value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
