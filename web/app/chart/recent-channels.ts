import type { Player } from '../../client/mod.ts';
import { type ChartRows, RecentRows } from './recent-rows.ts';

/** Whoever drags the time bar jumps many times in a row: only the last one is read. */
const QUIET_MS = 150;
/** As many as an edge gives: a row for every tick of some 16 minutes. */
const POINTS = 2000;

/** What is to be followed. */
export interface Following {
  readonly car: string;
  /** 1 to 8 keys. */
  readonly keys: readonly string[];
  readonly spanMs: number;
  /** Something else is to be drawn. */
  readonly onRows: (rows: ChartRows) => void;
  /** Why the past cannot be shown, as a sentence; `undefined` when it can. */
  readonly onProblem: (problem: string | undefined) => void;
}

/**
 * Follows what a player shows of some channels: the past is read once, and again after a jump, and each tick is added to
 * it. Nothing is asked for that is newer than what is shown.
 * @returns `read` reads the past again, `stop` ends it.
 */
export function followChannels(player: Player, following: Following): { read(): void; stop(): void } {
  const { car, keys, spanMs, onRows, onProblem } = following;
  const recent = new RecentRows(keys, spanMs);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let reading = new AbortController();
  let frame: number | undefined;

  /** Of a fast replay the screen shows as many ticks as it can. */
  const show = () => {
    frame ??= requestAnimationFrame(() => {
      frame = undefined;
      onRows(recent.rows());
    });
  };
  const load = async ({ signal }: AbortController) => {
    const toMs = player.time;
    if (toMs === undefined) return;
    try {
      const fromMs = Math.max(0, toMs - spanMs);
      const history = await player.history({ car, channels: keys, fromMs, toMs, points: POINTS }, signal);
      // Somebody has gone back meanwhile: it is read again.
      if (signal.aborted || player.time === undefined || player.time < toMs) return;
      recent.load(history, toMs);
      onProblem(undefined);
      show();
    } catch (error) {
      if (!signal.aborted) onProblem(`The past of this chart is not here: ${(error as Error).message}`);
    }
  };
  const read = () => {
    reading.abort();
    reading = new AbortController();
    clearTimeout(timer);
    timer = setTimeout(load, QUIET_MS, reading);
  };
  const take = () => {
    const view = player.car(car);
    if (player.time === undefined) return;
    recent.push(
      player.time,
      keys.map((key) => view?.value(key) ?? null),
    );
    show();
  };
  const offTick = player.on('tick', ({ snapshot, conflated }) => {
    take();
    if (snapshot || conflated) read();
  });
  // A page in the background hears few of the ticks.
  const onSight = () => document.visibilityState === 'visible' && read();
  document.addEventListener('visibilitychange', onSight);
  take();
  read();
  return {
    read,
    stop() {
      offTick();
      document.removeEventListener('visibilitychange', onSight);
      clearTimeout(timer);
      if (frame !== undefined) cancelAnimationFrame(frame);
      reading.abort();
    },
  };
}
