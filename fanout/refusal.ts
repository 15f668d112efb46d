import type { Refusal } from './admission.ts';

/** What is needed of a response of uWebSockets.js. */
interface Response {
  writeStatus(status: string): unknown;
  writeHeader(key: string, value: string): unknown;
  end(body: string, closeConnection: boolean): unknown;
}

const UNAVAILABLE = '503 Service Unavailable';
/** What a client reads that gets no WebSocket. */
const REFUSALS: Readonly<Record<Refusal, readonly [status: string, message: string]>> = {
  going_away: [UNAVAILABLE, 'The edge is stopping.'],
  full: [UNAVAILABLE, 'The edge takes no more fans.'],
  rate: [UNAVAILABLE, 'The edge takes no more fans in this second.'],
  origin: ['403 Forbidden', 'Pages of this origin may not connect.'],
};

/**
 * Answers a handshake that is not let in, and closes: whoever comes back later needs no descriptor until then.
 * @param headers Added to those of the refusal.
 */
export function refuse(
  response: Response,
  refusal: Refusal,
  retryAfterS: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  const [status, message] = REFUSALS[refusal];
  response.writeStatus(status);
  response.writeHeader('Content-Type', 'application/json; charset=utf-8');
  for (const [key, value] of Object.entries(headers)) response.writeHeader(key, value);
  if (status === UNAVAILABLE) response.writeHeader('Retry-After', `${retryAfterS}`);
  response.end(`${JSON.stringify({ error: refusal, message })}\n`, true);
}
