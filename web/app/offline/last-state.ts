import type { CarView, RaceDocument } from '../../client/mod.ts';
import { isStoredState, type StoredCar } from './check-last-state.ts';
import { openSealed, sealText } from './sealed-text.ts';

/** What was on the screen last: shown, as old, until something newer comes. */
export interface LastState {
  readonly race: string;
  /** By the clock of this device, Unix ms. */
  readonly savedAtMs: number;
  /** Race time that was shown, Unix ms. */
  readonly timeMs: number | undefined;
  readonly document: RaceDocument;
  readonly cars: readonly CarView[];
}

const KEY = 'slipstream-last-state';
/** Characters; a browser has some 5 million for everything of an origin. */
export const MAX_LAST_STATE = 200 * 1024;

/**
 * Keeps a state instead of the one before. Cars at the end of the list that have no room are left out; a document that
 * has none, and a storage that is full, forbidden or absent, keep nothing and harm nothing.
 */
export function keepLastState(storage: Pick<Storage, 'setItem'> | undefined, state: LastState): void {
  const text = formatState(state);
  if (text.length > MAX_LAST_STATE) return;
  try {
    storage?.setItem(KEY, text);
  } catch {
    // Full, or a person forbids it: the page starts empty the next time.
  }
}

/**
 * The state that was kept.
 * @param race When given, only a state of this race will do.
 * @returns `undefined` when there is none, or it was cut, altered, or written by a page that meant something else.
 */
export function readLastState(
  storage: Pick<Storage, 'getItem'> | undefined,
  race: string | undefined,
): LastState | undefined {
  let stored: unknown;
  try {
    const text = storage?.getItem(KEY);
    const json = text && text.length <= MAX_LAST_STATE ? openSealed(text) : undefined;
    stored = json && JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isStoredState(stored) || (race !== undefined && stored.race !== race)) return undefined;
  return { ...stored, timeMs: stored.timeMs, cars: stored.cars.map(restoreCar) };
}

/** Characters of the seal and of the brackets around the cars. */
const FRAME_CHARS = 32;

function formatState({ race, savedAtMs, timeMs, document, cars }: LastState): string {
  const head = JSON.stringify({ race, savedAtMs, timeMs, document });
  let room = MAX_LAST_STATE - FRAME_CHARS - head.length;
  const texts: string[] = [];
  for (const car of cars) {
    const text = JSON.stringify(describeCar(car));
    room -= text.length + 1;
    if (room < 0) break;
    texts.push(text);
  }
  return sealText(`${head.slice(0, -1)},"cars":[${texts.join(',')}]}`);
}

const describeCar = (view: CarView): StoredCar => ({
  car: view.car,
  view: view.view,
  tick: view.tick,
  closeAtMs: view.closeAtMs,
  channels: view.channels(),
});

function restoreCar({ channels, ...rest }: StoredCar): CarView {
  const byKey = new Map(channels.map((channel) => [channel.key, channel]));
  return {
    ...rest,
    value: (key) => byKey.get(key)?.value ?? null,
    channel: (key) => byKey.get(key),
    channels: () => [...channels],
    values: () => Object.fromEntries(channels.map(({ key, value }) => [key, value])),
  };
}
