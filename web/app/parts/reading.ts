import type { ChannelValue } from '../../client/mod.ts';
import { severityOf } from '../limits.ts';
import type { Page } from '../page/page.ts';
import { sayIn, shownIn } from '../units.ts';
import { MISSING, sayTimeOfDay } from '../words.ts';

/** A channel of a car as it stands on the page. */
export interface Reading {
  /** `undefined` where the catalogue, or the view in which the car comes, does not know it. */
  readonly channel: ChannelValue | undefined;
  /** In the unit of the channel. */
  readonly value: number | null;
  readonly text: string;
  readonly unit: string;
  /** By the limits of the catalogue. */
  readonly severity: ReturnType<typeof severityOf>;
  /** What is wrong, for people: it gives nothing any more, or too much. */
  readonly trouble: string | undefined;
}

const NOTHING: Reading = {
  ...{ channel: undefined, value: null, text: MISSING, unit: '', severity: 'unknown', trouble: undefined },
};

/** Reads a channel of the car, in the units of the fan. Of several keys the first that the catalogue knows. */
export function read(page: Page, car: string | undefined, ...keys: readonly string[]): Reading {
  for (const key of keys) {
    const channel = page.shown.channel(car, key);
    if (channel) return readingOf(page, car, channel);
  }
  return NOTHING;
}

/** As {@link read}, of a channel that is at hand. */
export function readingOf(page: Page, car: string | undefined, channel: ChannelValue): Reading {
  const units = page.settings.units();
  const { key, value, unit, resolution, limits } = channel;
  const severity = severityOf(value, limits);
  const since = car === page.focus() ? page.shown.silent.since(key) : undefined;
  const text = sayIn(units, value, unit, resolution);
  return {
    ...{ channel, value, text, unit: shownIn(units, unit, resolution).unit, severity },
    trouble: since === undefined ? sayTrouble(severity, value, limits) : `silent since ${sayTimeOfDay(since)}`,
  };
}

function sayTrouble(severity: Reading['severity'], value: number | null, limits: ChannelValue['limits']) {
  if (severity !== 'warn' && severity !== 'alarm') return undefined;
  const low = limits?.warnBelow ?? limits?.alarmBelow;
  const how = low !== undefined && value! < low ? 'low' : 'high';
  return severity === 'alarm' ? `too ${how}` : how;
}
