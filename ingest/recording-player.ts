import type { Catalogue } from '../protocol/catalogue.ts';
import type { RaceFacts } from '../protocol/document.ts';
import { SourceError } from '../protocol/errors.ts';
import { type Clock, createFrame, type Frame, type Source, type SourceSink } from './source.ts';

/** Laps of one car as columns, ready to be sent row by row. Never changed, so cars can share it. */
export interface RecordedLaps {
  /** Catalogue indices, one for each column. */
  readonly channels: Uint16Array;
  /** Row after row, `channels.length` values each, in the units of the channels. */
  readonly values: Float64Array;
  /** Time of each row from the start of the first lap, ms, ascending. */
  readonly atMs: Float64Array;
  /** When the last lap ends and the first begins again; `Infinity` plays the rows once and changes nothing in them. */
  readonly durationMs: number;
  /** Rows with which laps begin, the first is 0. */
  readonly lapStarts: readonly number[];
  readonly counters: readonly Counter[];
}

/** A column that goes on where it was when the laps begin again, such as an odometer or the fuel. */
export interface Counter {
  readonly column: number;
  /** What one playing of all laps adds. */
  readonly perLoop: number;
  /** Below `from` the tank is filled up by `by`. */
  readonly refill?: { readonly from: number; readonly by: number };
}

export interface PlayedCar {
  readonly car: string;
  readonly laps: RecordedLaps;
  /** How far into the laps the car starts, ms. */
  readonly phaseMs: number;
  /** The car falls silent at the end of its laps instead of beginning them again. @defaultValue false */
  readonly isOnce?: boolean;
}

export interface Recording {
  readonly facts: RaceFacts;
  readonly cars: readonly PlayedCar[];
}

/** Race ms between two looks at the clock: half a row at 60 Hz, so that frames leave close to their time. */
const PUMP_MS = 8;
/** After a stall, at most this many frames leave before the process gets to do something else. */
const MAX_FRAMES_PER_PUMP = 5_000;

/** Columns that the player sets itself when laps begin again and again; recordings leave room for them. */
export const PLAYER_CHANNELS = [
  'session_time',
  'lap',
  'laps_completed',
  'lap_time_last',
  'lap_time_best',
  'lap_best',
] as const;

/**
 * A source that plays recorded laps by the clock: each frame is delivered when race time reaches it, cars in turn, each
 * car in order of time. With the same clock the frames are the same each time.
 *
 * @param load Reads the recording when the source starts.
 */
export function createRecordingSource(
  name: string,
  catalogue: Catalogue,
  clock: Clock,
  load: () => Promise<Recording>,
): Source {
  let life: { cancel(): void } | undefined;
  let players: readonly CarPlayer[] | undefined;
  return {
    name,
    kind: 'recording',
    async start(sink) {
      if (life) throw new SourceError('already_started', `The source ${name} is already started.`);
      let isStopped = false;
      let cancelTimer: () => void = () => {};
      const ours = {
        cancel() {
          isStopped = true;
          cancelTimer();
        },
      };
      life = ours;
      let recording: Recording;
      try {
        recording = await load();
      } catch (error) {
        if (life === ours) life = undefined;
        throw error;
      }
      if (isStopped) return;
      const baseMs = clock.nowMs();
      const playing = recording.cars.map((car) => new CarPlayer(car, catalogue, baseMs));
      players = playing;
      sink.facts(recording.facts);
      const pump = (dueMs: number) => {
        const nowMs = clock.nowMs();
        let left = MAX_FRAMES_PER_PUMP;
        for (const player of playing) {
          while (player.nextAtMs <= nowMs && left > 0 && !isStopped) {
            player.emit(sink);
            left--;
          }
        }
        if (isStopped) return;
        const nextMs = left === 0 ? dueMs : dueMs + PUMP_MS * Math.max(1, Math.ceil((nowMs - dueMs) / PUMP_MS));
        cancelTimer = clock.callAt(nextMs, () => pump(nextMs));
      };
      cancelTimer = clock.callAt(baseMs, () => pump(baseMs));
    },
    async stop() {
      life?.cancel();
      life = undefined;
    },
    isOver: () => players?.every(({ nextAtMs }) => nextAtMs === Number.POSITIVE_INFINITY) ?? false,
  };
}

/** The column of each channel that the player sets; −1 for none. */
type PlayerColumns = Readonly<Record<(typeof PLAYER_CHANNELS)[number], number>>;

/** Where one car is in its laps. */
class CarPlayer {
  /** Time of the next frame, Unix ms; `Infinity` when the recording has ended. */
  nextAtMs: number;
  #car: string;
  #isOnce: boolean;
  #laps: RecordedLaps;
  #frame: Frame;
  #columns: PlayerColumns;
  #baseMs: number;
  #loopStartedAtMs: number;
  #loops = 0;
  #row: number;
  /** Index of the lap within the recording, and its number in the race. */
  #lapIndex: number;
  #lap = 1;
  /** NaN for a lap that the car did not begin at the line. */
  #lapStartedAtMs: number;
  #lastMs = Number.NaN;
  #bestMs = Number.NaN;
  #bestLap = Number.NaN;

  constructor({ car, laps, phaseMs, isOnce = false }: PlayedCar, catalogue: Catalogue, baseMs: number) {
    this.#car = car;
    this.#isOnce = isOnce;
    this.#laps = laps;
    this.#frame = createFrame(catalogue);
    this.#frame.channels.set(laps.channels);
    this.#frame.count = laps.channels.length;
    const column = (key: string) => laps.channels.indexOf(catalogue.indexOf(key) ?? -1);
    this.#columns = Object.fromEntries(PLAYER_CHANNELS.map((key) => [key, column(key)])) as PlayerColumns;
    this.#baseMs = baseMs;
    this.#loopStartedAtMs = baseMs - phaseMs;
    this.#row = Math.max(
      0,
      laps.atMs.findIndex((atMs) => atMs >= phaseMs),
    );
    this.#lapIndex = laps.lapStarts.findLastIndex((row) => row <= this.#row);
    this.#lapStartedAtMs = phaseMs === 0 ? baseMs : Number.NaN;
    this.nextAtMs = this.#loopStartedAtMs + laps.atMs[this.#row]!;
  }

  emit(sink: SourceSink): void {
    const { channels, values: recorded, durationMs } = this.#laps;
    const { values } = this.#frame;
    const start = this.#row * channels.length;
    for (let i = 0; i < channels.length; i++) values[i] = recorded[start + i]!;
    if (durationMs !== Number.POSITIVE_INFINITY) this.#goOn(values);
    this.#frame.car = this.#car;
    this.#frame.atMs = this.nextAtMs;
    sink.frame(this.#frame);
    this.#advance();
  }

  /** Makes the row one of an endless race: what counts goes on counting. */
  #goOn(values: Float64Array): void {
    const columns = this.#columns;
    const set = (column: number, value: number) => {
      if (column >= 0) values[column] = value;
    };
    set(columns.session_time, (this.nextAtMs - this.#baseMs) / 1000);
    set(columns.lap, this.#lap);
    set(columns.laps_completed, this.#lap - 1);
    set(columns.lap_time_last, this.#lastMs / 1000);
    set(columns.lap_time_best, this.#bestMs / 1000);
    set(columns.lap_best, this.#bestLap);
    for (const { column, perLoop, refill } of this.#laps.counters) {
      const value = values[column]! + this.#loops * perLoop;
      values[column] =
        refill && value < refill.from ? value + refill.by * Math.ceil((refill.from - value) / refill.by) : value;
    }
  }

  #advance(): void {
    const { atMs, durationMs, lapStarts } = this.#laps;
    this.#row++;
    if (this.#row === atMs.length) {
      this.#row = 0;
      this.#loops++;
      this.#loopStartedAtMs += this.#isOnce ? Number.POSITIVE_INFINITY : durationMs;
    }
    this.nextAtMs = this.#loopStartedAtMs + atMs[this.#row]!;
    const nextStart = lapStarts[(this.#lapIndex + 1) % lapStarts.length];
    if (this.#row !== nextStart || durationMs === Number.POSITIVE_INFINITY) return;
    this.#lapIndex = (this.#lapIndex + 1) % lapStarts.length;
    this.#lastMs = this.nextAtMs - this.#lapStartedAtMs;
    this.#lapStartedAtMs = this.nextAtMs;
    // The first lap has no time when the car did not begin it at the line, and NaN is never below anything.
    if (this.#lastMs < (Number.isNaN(this.#bestMs) ? Number.POSITIVE_INFINITY : this.#bestMs)) {
      this.#bestMs = this.#lastMs;
      this.#bestLap = this.#lap;
    }
    this.#lap++;
  }
}
