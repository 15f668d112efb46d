/**
 * Close codes of the WebSocket, in two ranges: after 4000–4499 come back inside the reconnect window, after
 * 4500–4999 do not, because the same attempt would end the same way. PROTOCOL.md carries the same table.
 */
export const CLOSE = {
  /** The edge is shutting down. */
  going_away: 4000,
  /** The fan took too long to say hello, or has read nothing for too long. */
  timeout: 4001,
  /** The edge has nothing to serve yet, or lost the stream and must begin anew. */
  not_ready: 4002,
  /** The client sent what the protocol does not know. */
  bad_message: 4500,
  /** The client sent a message larger than the edge takes. */
  too_large: 4501,
  /** The race does not exist on this edge. */
  unknown_race: 4502,
  /** The client speaks a version that the edge does not. */
  bad_version: 4503,
  /** The client sent more messages in a second than the edge takes. */
  too_many: 4504,
} as const;

export type CloseReason = keyof typeof CLOSE;

/** Whether a client should come back after this close code; codes outside both ranges (1000–1015) say yes. */
export const isRetryable = (code: number): boolean => code < 4500 || code > 4999;

/** Codes of `error` messages: the message before was refused, the connection lives on. */
export const ERROR_CODES = [
  'bad_message',
  'bad_watch',
  'bad_rate',
  'too_many_cars',
  'not_greeted',
  'bad_session',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];
