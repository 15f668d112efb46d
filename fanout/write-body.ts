/** What is needed of a response of uWebSockets.js to write a body; after an abort every call throws. */
export interface BodyResponse {
  end(body: string | Uint8Array, closeConnection: boolean): unknown;
  /** Writes what the socket takes, and keeps nothing of the rest. @returns whether it took all, and whether that was the end. */
  tryEnd(rest: Uint8Array, totalBytes: number): [isTaken: boolean, isDone: boolean];
  /** The socket takes more, from `offset` of the body on. */
  onWritable(handler: (offset: number) => boolean): unknown;
  close(): unknown;
}

/** Of a body that is not longer than this the socket may keep a copy. */
const MAX_COPIED_BYTES = 64 * 1024;
/** Whoever takes longer to read a body is cut off. */
const MAX_WRITE_MS = 60_000;

/**
 * Ends a response with a body, as fast as it is read: of one that is large nothing is copied for a reader who is slow.
 * uWebSockets.js itself cuts off who reads nothing at all for 10 s.
 * @param body Must not be changed any more. @param isLast Closes the connection behind a body that is not large.
 * @param whenGone Has what it is given called when the connection is lost.
 */
export function writeBody(
  response: BodyResponse,
  body: string | Uint8Array,
  isLast: boolean,
  whenGone: (act: () => void) => void,
): void {
  if (typeof body === 'string' || body.length <= MAX_COPIED_BYTES) {
    response.end(body, isLast);
    return;
  }
  const cutOff = setTimeout(() => response.close(), MAX_WRITE_MS);
  whenGone(() => clearTimeout(cutOff));
  const write = (offset: number): boolean => {
    const [isTaken, isDone] = response.tryEnd(body.subarray(offset), body.length);
    if (isDone) clearTimeout(cutOff);
    return isTaken;
  };
  response.onWritable(write);
  write(0);
}
