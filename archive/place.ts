import { ConfigError } from '../protocol/errors.ts';
import { BLOCK } from './block.ts';
import type { BlockEntry, Contents } from './contents.ts';

/** A place in a race as people name it: `lap:30`, `00:41:10` since its first tick, `tick:5000`. */
export type Place = { readonly lap: number } | { readonly sinceStartMs: number } | { readonly tick: number };

export const PLACE = {
  accepts: (text: string): boolean => parsePlace(text) !== undefined,
  rule: 'lap:<number>, tick:<number> or hh:mm:ss since the start',
};

/** @returns `undefined` when the text names no place. */
export function parsePlace(text: string): Place | undefined {
  const [, word, number] = /^(lap|tick):(\d{1,9})$/.exec(text) ?? [];
  if (word === 'lap') return { lap: Number(number) };
  if (word === 'tick') return { tick: Number(number) };
  const [, hours, minutes, seconds] = /^(\d{1,3}):([0-5]\d):([0-5]\d(?:\.\d{1,3})?)$/.exec(text) ?? [];
  if (hours === undefined) return undefined;
  return { sinceStartMs: Math.round((Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000) };
}

/**
 * The first tick at or after a place, within one epoch.
 * @param tickMs Length of a tick, by which the tick of a time is found.
 * @throws {ConfigError} `no_such_place`: names what the archive has.
 */
export function findTick(contents: Contents, epoch: string, place: Place, tickMs: number): number {
  const blocks = contents.blocks.filter((block) => block.type === BLOCK.ticks && block.epoch === epoch && block.ticks);
  const [first, last] = [blocks[0]?.ticks?.[0] ?? 0, blocks.at(-1)?.ticks?.[1] ?? -1];
  if ('lap' in place) {
    const laps = contents.events.filter((event) => event.type === 'lap' && event.epoch === epoch);
    const found = laps.find((event) => event.type === 'lap' && event.lap >= place.lap);
    if (found) return found.tick;
    const known = laps.flatMap((event) => (event.type === 'lap' ? [event.lap] : []));
    const held = known.length === 0 ? 'it has no laps' : `it has laps ${known[0]} to ${known.at(-1)}`;
    throw new ConfigError('no_such_place', `The archive has no lap ${place.lap}; ${held}.`);
  }
  const tick = 'tick' in place ? place.tick : tickAt(blocks, place.sinceStartMs, tickMs);
  if (tick >= first && tick <= last) return tick;
  throw new ConfigError(
    'no_such_place',
    `The archive has no tick ${tick}; epoch ${epoch} has ticks ${first} to ${last}.`,
  );
}

/** Ticks are of one length but where ingest was away: each block knows its own times. */
function tickAt(blocks: readonly BlockEntry[], sinceStartMs: number, tickMs: number): number {
  const atMs = (blocks[0]?.closeAtMs?.[0] ?? 0) + sinceStartMs;
  const block = blocks.find(({ closeAtMs }) => closeAtMs && closeAtMs[1] >= atMs);
  if (!block?.ticks || !block.closeAtMs) return (blocks.at(-1)?.ticks?.[1] ?? 0) + Math.ceil(sinceStartMs / tickMs);
  const offset = Math.ceil(Math.max(0, atMs - block.closeAtMs[0]) / tickMs);
  return Math.min(block.ticks[1], block.ticks[0] + offset);
}
