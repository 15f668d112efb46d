import { CLOSE, ERROR_CODES } from '../../protocol/codes.ts';
import type { FetchAnswer } from './fetch.ts';
import { BROKEN } from './link.ts';

/** So much of an answer is looked at. */
const MAX_REFUSAL_BYTES = 4096;

/** The end of a link. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/** Codes with which an edge refuses for good, and what they are as close codes. A proxy knows none of them. */
const FINAL: Readonly<Record<string, number>> = {
  ...Object.fromEntries(ERROR_CODES.map((code) => [code, CLOSE.bad_message])),
  unknown_race: CLOSE.unknown_race,
  bad_version: CLOSE.bad_version,
  too_large: CLOSE.too_large,
};

/** Why an answer is not what was asked for. @param what Says what is missing, such as `there is no stream`. */
export async function readRefusal({ status, body }: FetchAnswer, what: string): Promise<Ending> {
  const broken = { code: BROKEN, reason: `${what}, but status ${status}` };
  if (status < 400 || status > 499 || !body) return broken;
  const text = new TextDecoder().decode(await readBounded(body.getReader()));
  let answer: { error?: unknown; message?: unknown } | null;
  try {
    answer = JSON.parse(text);
  } catch {
    // Not the edge's: whatever stands in between may answer as it likes.
    return broken;
  }
  const code =
    typeof answer?.error === 'string' && Object.hasOwn(FINAL, answer.error) ? FINAL[answer.error] : undefined;
  return code === undefined ? broken : { code, reason: String(answer?.message).slice(0, 200) };
}

/** At most so many bytes as are looked at, and nothing more is fetched. */
async function readBounded(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
  const bytes = new Uint8Array(MAX_REFUSAL_BYTES);
  let length = 0;
  while (length < bytes.length) {
    const { value, done } = await reader.read();
    if (done) break;
    const part = value.subarray(0, bytes.length - length);
    bytes.set(part, length);
    length += part.length;
  }
  await reader.cancel();
  return bytes.subarray(0, length);
}
