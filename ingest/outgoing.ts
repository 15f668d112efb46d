/** A message on its way into the stream. */
export interface Outgoing {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Identity for exactly-once, such as `<epoch>:<tick>`. */
  readonly id: string;
  /**
   * Encodes what the message builds on, for a spool that begins with it: the keyframe of the tick before, `undefined`
   * for the first message of an epoch. A message without this cannot begin a spool.
   */
  readonly base?: () => Uint8Array | undefined;
}
