import type { Player } from '../../client/mod.ts';
import { type Shown, shownIn, type Units } from '../units.ts';
import { sayCar, sayValue } from '../words.ts';
import { sayGained, sayLap } from './compare-words.ts';
import { DRAWN, type KnownLap } from './lap-table.ts';
import { sharesOf, timeAt, timeGained, valueAt } from './laps.ts';

/** Half a percent of the lap each. */
const STEPS = 200;
const SHARES = sharesOf(STEPS);

/** The two laps. */
export type Pair = readonly [a: KnownLap, b: KnownLap];
type Values = readonly (number | null)[];

/** One thing in which the laps are compared. */
export interface Measure {
  readonly label: string;
  readonly unit: string;
  /** Names of the lines: of both laps, or of their difference. */
  readonly lines: readonly string[];
  /** Ends of the axis; as the values need where it is missing. */
  readonly range: readonly [number, number] | undefined;
  readonly isAroundZero: boolean;
  say(value: number | null): string;
  /** Of each lap, or of the one line that there is. @param share 0 to 1. */
  at(share: number): Values;
  /** How much more the first lap has, as it is said. */
  difference(share: number): string;
}

/** Places of the lap at which lines are drawn, in percent. */
export const PERCENTS: readonly number[] = SHARES.map((share) => share * 100);

/** Values of each line of a measure at {@link PERCENTS}. */
export function columnsOf(measure: Measure): Values[] {
  const rows = SHARES.map((share) => measure.at(share));
  return measure.lines.map((_, n) => rows.map((row) => row[n] ?? null));
}

/** A lap in as few words as tell it from the other one. */
export function nameIn([a, b]: Pair, lap: KnownLap): string {
  return a.car === b.car ? sayLap(lap) : `${sayCar(lap.car)} ${sayLap(lap)}`;
}

/** In what two laps can be compared, by what a race tells. */
export function measuresOf(pair: Pair, catalogue: NonNullable<Player['catalogue']>, units: Units): Measure[] {
  const channels = DRAWN.flatMap((key) => {
    const channel = catalogue.channels[catalogue.indexOf(key) ?? -1];
    return channel ? [channelMeasure(pair, channel, shownIn(units, channel.unit, channel.resolution))] : [];
  });
  return [...channels, gainMeasure(pair)];
}

type Channel = NonNullable<Player['catalogue']>['channels'][number];

function channelMeasure(pair: Pair, channel: Channel, shown: Shown): Measure {
  const { key, label, unit, max } = channel;
  const at = (share: number): Values =>
    pair.map(({ lap, channels }) => {
      const value = valueAt(lap, channels.get(key) ?? [], share);
      return value === null ? null : shown.convert(value);
    });
  const say = (value: number | null) => sayValue(value, shown.resolution);
  const isPedal = unit === '%' || max === 1;
  return {
    ...{ label, unit: shown.unit, at, say, isAroundZero: false },
    lines: pair.map((lap) => nameIn(pair, lap)),
    range: isPedal ? [0, max] : undefined,
    difference(share) {
      const [a, b] = at(share);
      if (a == null || b == null) return say(null);
      const difference = a - b;
      // What rounds to nothing has no sign.
      const text = sayValue(Math.abs(difference), shown.resolution);
      if (Number(text) === 0) return text;
      return `${difference > 0 ? '+' : '−'}${text}`;
    },
  };
}

function gainMeasure(pair: Pair): Measure {
  const [a, b] = pair;
  return {
    ...{ label: 'Time gained', unit: 's', range: undefined, isAroundZero: true, say: sayGained },
    lines: [`${nameIn(pair, a)} ahead of ${nameIn(pair, b)}`],
    at: (share) => [timeGained(a.lap, b.lap, share)],
    difference: (share) => sayGained(timeGained(a.lap, b.lap, share)),
  };
}

/** When each car was at a share of its lap: race time, Unix ms; a car whose place is not known is left out. */
export function placesAt(pair: Pair, share: number): { readonly car: string; readonly timeMs: number }[] {
  return pair.flatMap(({ car, lap }) => {
    const atS = timeAt(lap, share);
    return atS === null ? [] : [{ car, timeMs: lap.startMs + atS * 1000 }];
  });
}
