import type { PitStop } from '../../protocol/document.ts';
import { isCarId, MAX_CARS } from '../../protocol/field.ts';
import { integerIn, isObject, numberIn, readFields, textOf } from '../feed-fields.ts';
import type { CarTiming } from '../official-timing.ts';
import type { OfflineSink } from '../offline-race.ts';

const MAX_LAPS = 10_000;
/** No car stops so often; more would be another thing than a race. */
const MAX_STOPS = 100;

/** What `TimingData` has said of a car so far: each message says only what has changed. */
interface Line {
  position?: number | undefined;
  lapsCompleted?: number | undefined;
  gap?: string | undefined;
  lastLapS?: number | undefined;
  bestLapS?: number | undefined;
  isInPit?: boolean;
  isRetired?: boolean;
  officialStops?: number | undefined;
  readonly stops: PitStop[];
}

/** The timing of all cars. */
export class Timing {
  readonly #lines = new Map<string, Line>();

  /** Lap times and laps of before count no more: a race begins. */
  begin(): void {
    for (const line of this.#lines.values())
      Object.assign(line, {
        lapsCompleted: undefined,
        lastLapS: undefined,
        bestLapS: undefined,
        officialStops: undefined,
      });
    for (const { stops } of this.#lines.values()) stops.length = 0;
  }

  /** @param isRacing Whether a visit to pit road is a stop. */
  take(payload: unknown, atMs: number, isRacing: boolean, sink: OfflineSink): void {
    readFields(sink, 'TimingData', payload, {
      Lines: (lines) => {
        for (const [car, said] of Object.entries(isObject(lines) ? lines : {}))
          if (isCarId(car)) this.#takeLine(car, said, atMs, isRacing, sink);
          else sink.malformed('A line of timing data has no number that can be the id of a car.');
      },
    });
  }

  #takeLine(car: string, said: unknown, atMs: number, isRacing: boolean, sink: OfflineSink): void {
    if (!this.#lines.has(car) && this.#lines.size >= MAX_CARS) {
      sink.count('field_full');
      return;
    }
    const line = this.#lines.get(car) ?? { stops: [] };
    this.#lines.set(car, line);
    const wasInPit = line.isInPit;
    readFields(sink, 'TimingData.Lines[]', said, {
      Position: (value) => (line.position = integerIn(value, 1, 999)),
      NumberOfLaps: (value) => (line.lapsCompleted = integerIn(value, 0, MAX_LAPS)),
      NumberOfPitStops: (value) => (line.officialStops = integerIn(value, 0, MAX_LAPS)),
      GapToLeader: (value) => (line.gap = textOf(value)),
      LastLapTime: (value) => (line.lastLapS = lapTimeOf(value) ?? line.lastLapS),
      BestLapTime: (value) => (line.bestLapS = lapTimeOf(value) ?? line.bestLapS),
      InPit: (value) => (line.isInPit = value === true),
      Retired: (value) => (line.isRetired = value === true),
      RacingNumber: () => {},
    });
    if (isRacing) noteStop(car, line, wasInPit, atMs);
  }

  /** What the timekeepers say of each car. @param isRacing Laps and stops are said only of a race that has begun. */
  timing(lapsTotal: number | undefined, hasBegun: boolean): Map<string, CarTiming> {
    return new Map([...this.#lines].map(([car, line]) => [car, timingOf(line, lapsTotal, hasBegun)]));
  }
}

/** A car that comes onto pit road stops; one that has been there all the time has not come. */
function noteStop(car: string, line: Line, wasInPit: boolean | undefined, atMs: number): void {
  const { stops, isInPit, lapsCompleted = 0 } = line;
  if (isInPit && wasInPit === false && stops.length < MAX_STOPS)
    stops.push({ car, lap: lapsCompleted + 1, inAtMs: Math.round(atMs), outAtMs: null });
  const last = stops.at(-1);
  if (!isInPit && wasInPit && last?.outAtMs === null) stops[stops.length - 1] = { ...last, outAtMs: Math.round(atMs) };
}

function timingOf(line: Line, lapsTotal = MAX_LAPS, hasBegun: boolean): CarTiming {
  const { position, isRetired = false, stops } = line;
  const place = { ...(position !== undefined && { position }), isOut: isRetired };
  if (!hasBegun) return { ...place, lap: 1, stops: 0, pitStops: [] };
  return {
    ...place,
    lap: Math.min((line.lapsCompleted ?? 0) + 1, lapsTotal),
    ...gapOf(line),
    ...(line.lastLapS !== undefined && { lastLapS: line.lastLapS }),
    ...(line.bestLapS !== undefined && { bestLapS: line.bestLapS }),
    ...(line.isInPit !== undefined && { isOnPitRoad: line.isInPit }),
    stops: line.officialStops ?? stops.length,
    pitStops: stops.slice(),
  };
}

/** `+4.951` are seconds, `2L` and `2 LAPS` are laps; the leader has nothing, or the lap that it is in. */
function gapOf({ gap, position }: Line): Pick<CarTiming, 'gapS' | 'lapsDown'> {
  if (position === 1) return { lapsDown: 0, gapS: 0 };
  const laps = /^\+?(\d{1,4}) ?L(AP|APS)?$/i.exec(gap ?? '')?.[1];
  if (laps !== undefined) return { lapsDown: Number(laps), gapS: null };
  const gapS = /^\+/.test(gap ?? '') ? lapTimeOf(gap!.slice(1)) : undefined;
  return gapS === undefined ? {} : { lapsDown: 0, gapS };
}

/** `1:23.988` or `23.988`, alone or as the `Value` of an object, in seconds. */
function lapTimeOf(value: unknown): number | undefined {
  const text = isObject(value) ? value.Value : value;
  const parts = typeof text === 'string' ? /^(?:(\d{1,2}):)?(?:(\d{1,2}):)?(\d{1,4}(?:\.\d{1,6})?)$/.exec(text) : null;
  if (!parts) return undefined;
  const [, first, second, seconds] = parts;
  const minutes = second === undefined ? Number(first ?? 0) : 60 * Number(first) + Number(second);
  // The sum of a minute and 23.988 s has the error of a float that 83.988 does not have.
  return numberIn(Math.round(1e6 * (60 * minutes + Number(seconds))) / 1e6, 0.001, 86_400);
}
