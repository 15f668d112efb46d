/** Window before any edge has announced one. */
export const DEFAULT_WINDOW_MS = 2000;
/** Even an edge that announces no window is not hammered. */
const MIN_WINDOW_MS = 250;
const MAX_BACKOFF_MS = 30_000;

/**
 * How long to wait before the next try to connect: full jitter, so that the fans of an edge that died come back
 * spread over the window that it had announced.
 *
 * @param windowMs What the edge announced last. A window above 30 s is kept, never shortened.
 * @param failures Tries in a row that came to nothing; each doubles the range, up to 30 s. 0 after a connection that lived.
 * @param random Uniform in [0, 1).
 * @returns Milliseconds, uniform from 0 to `min(window × 2^failures, max(window, 30 s))`.
 */
export function reconnectDelayMs(windowMs: number, failures: number, random: number): number {
  const window = Math.max(windowMs, MIN_WINDOW_MS);
  const range = Math.min(window * 2 ** Math.min(failures, 30), Math.max(window, MAX_BACKOFF_MS));
  return range * random;
}
