/**
 * A place in a race: which life of the stream, and how far in it. A sequence number means nothing without its epoch:
 * keep, send and replace the two together.
 */
export interface Position {
  /** 16 lower-case hex digits. */
  readonly epoch: string;
  /** JetStream stream sequence, 1 to 2^48 − 1. */
  readonly seq: number;
}

const EPOCH = /^[0-9a-f]{16}$/;
const RACE = /^[A-Za-z0-9_-]{1,32}$/;
const MAX_SEQ = 2 ** 48 - 1;

export const isEpoch = (text: string): boolean => EPOCH.test(text);

/** 1–32 of A–Z a–z 0–9 - _: the name of a race stands in NATS subjects and in URLs. */
export const isRaceName = (text: string): boolean => RACE.test(text);

export const formatPosition = (position: Position): string => `${position.epoch}:${position.seq}`;

/** Reads `<epoch>:<seq>`; `undefined` for anything else. */
export function parsePosition(text: string): Position | undefined {
  const [epoch, digits, ...rest] = text.split(':');
  if (epoch === undefined || digits === undefined || rest.length > 0) return undefined;
  if (!isEpoch(epoch) || !/^[1-9][0-9]{0,14}$/.test(digits)) return undefined;
  const seq = Number(digits);
  return seq <= MAX_SEQ ? { epoch, seq } : undefined;
}
