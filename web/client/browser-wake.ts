import type { Race } from './race.ts';

/**
 * Probes the connection when a page comes back to the foreground, out of the browser's page cache or onto a network:
 * phones drop sockets in the background without telling.
 * @returns Stops it.
 */
export function probeOnWake(race: Pick<Race, 'probe'>): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const probe = () => race.probe();
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && probe(), { signal });
  window.addEventListener('pageshow', ({ persisted }) => persisted && probe(), { signal });
  window.addEventListener('online', probe, { signal });
  return () => stop.abort();
}
