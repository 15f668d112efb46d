import type { SeekTarget, Timeline } from '../../client/mod.ts';
import type { Where } from './time-words.ts';

/** What the bar shows. */
export interface TimeView extends Omit<Where, 'behindMs'> {
  /** Race time that is shown, and that of the newest tick, Unix ms. */
  readonly timeMs: number | undefined;
  readonly newestMs: number | undefined;
  readonly timeline: Timeline | undefined;
  readonly car: string | undefined;
}

/** What the bar can do. */
export interface TimeActs {
  pause(): void;
  play(): void;
  goLive(): void;
  seek(target: SeekTarget): void;
  setSpeed(speed: number): void;
  setDelay(delayMs: number): void;
  /** Makes a link to the moment that is shown. */
  link(): void;
}

/** Before the first tick. */
export const NOTHING_SHOWN: TimeView = {
  ...{ mode: 'live', isPaused: false, isWaiting: false, speed: 1, delayMs: 0 },
  ...{ timeMs: undefined, newestMs: undefined, timeline: undefined, car: undefined },
};
