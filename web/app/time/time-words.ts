/** A span such as `0:07`, `41:10` or `1:02:05`. */
export function saySpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const pad = (n: number) => String(n).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/** What is shown, for somebody who does not see the picture. */
export interface Where {
  readonly mode: 'live' | 'delayed' | 'past';
  readonly isPaused: boolean;
  readonly isWaiting: boolean;
  readonly speed: number;
  readonly delayMs: number;
  /** Race time between what is shown and the newest; `undefined` while one of them is not known. */
  readonly behindMs: number | undefined;
}

/** One sentence on what is shown. */
export function sayWhere({ mode, isPaused, isWaiting, speed, delayMs, behindMs }: Where): string {
  if (isWaiting) return 'Waiting for what is to be shown; it is tried again by itself.';
  const behind = behindMs === undefined ? '' : `, ${saySpan(behindMs)} behind live`;
  if (isPaused) return `Paused${behind}.`;
  if (mode === 'live') return 'Live.';
  if (mode === 'delayed') return `${sayDelay(delayMs)} behind live, as set.`;
  return `Playing${speed === 1 ? '' : ` at ${speed}×`}${behind}.`;
}

/** A TV delay such as `7.5 s`. */
export const sayDelay = (ms: number): string => `${Number((ms / 1000).toFixed(1))} s`;
