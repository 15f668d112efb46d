import { ConfigError } from '../protocol/errors.ts';
import type { Contents } from './contents.ts';
import { findTick, parsePlace } from './place.ts';

/** Ticks of one epoch, both included. */
export interface Stretch {
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
}

/** What part of an archive is meant, as people say it; each may be left out. */
export interface StretchWords {
  /** @defaultValue the one with most ticks */
  readonly epoch?: string | undefined;
  /** A place, see place.ts. @defaultValue the first tick */
  readonly from?: string | undefined;
  /** @defaultValue the last tick */
  readonly to?: string | undefined;
}

/** @throws {ConfigError} `no_such_epoch`, `no_such_place`, `bad_stretch`. */
export function findStretch(contents: Contents, words: StretchWords, tickMs: number): Stretch {
  const { epoch, first, last } = findEpoch(contents, words.epoch);
  const at = (text: string) => findTick(contents, epoch, parsePlace(text)!, tickMs);
  const from = words.from === undefined ? first : at(words.from);
  const to = words.to === undefined ? last : at(words.to);
  if (to >= from) return { epoch, from, to };
  throw new ConfigError('bad_stretch', `The part ends at tick ${to}, before it begins at tick ${from}.`);
}

function findEpoch({ blocks }: Contents, wanted: string | undefined) {
  const found = new Map<string, { count: number; first: number; last: number }>();
  for (const { epoch, ticks } of blocks) {
    if (!epoch || !ticks) continue;
    const { count = 0, first = ticks[0] } = found.get(epoch) ?? {};
    found.set(epoch, { count: count + ticks[1] - ticks[0] + 1, first, last: ticks[1] });
  }
  const [longest] = [...found].sort(([, a], [, b]) => b.count - a.count);
  const epoch = wanted ?? longest?.[0];
  const known = epoch === undefined ? undefined : found.get(epoch);
  if (epoch !== undefined && known) return { epoch, ...known };
  const held = [...found.keys()].join(', ') || 'none';
  throw new ConfigError('no_such_epoch', `The archive has no ticks of epoch ${wanted ?? 'any'}; it has ${held}.`);
}
