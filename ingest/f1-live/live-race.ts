import type { Catalogue } from '../../protocol/catalogue.ts';
import type { Flag, RosterEntry } from '../../protocol/document.ts';
import { isCarId } from '../../protocol/field.ts';
import { integerIn, isObject, readFields, textOf, timeOf } from '../feed-fields.ts';
import { type OfflineSink, RACE_CONTROL } from '../offline-race.ts';
import { TimedCars } from '../timed-cars.ts';
import { inflateTopic, Telemetry } from './telemetry.ts';
import { Timing } from './timing.ts';

const MAX_LAPS = 10_000;
/** Race control says some hundred things. */
const MAX_LOG = 10_000;
const MAX_LOG_TEXT = 1000;

/** `TrackStatus`: clear, yellow, safety car, red, virtual safety car, its end. */
const TRACK_FLAGS: Readonly<Record<string, Flag>> = {
  1: 'green',
  2: 'yellow',
  4: 'yellow',
  5: 'red',
  6: 'yellow',
  7: 'yellow',
};
const OVER = new Set(['Finished', 'Finalised', 'Ends']);

/** Fields of a message of race control that a log has, and their names there. */
const LOG_FIELDS: Readonly<Record<string, string>> = {
  Lap: 'lap',
  Category: 'category',
  Flag: 'flag',
  Scope: 'scope',
  Sector: 'sector',
  RacingNumber: 'car',
  Status: 'status',
};

type Reader = (payload: unknown, atMs: number, sink: OfflineSink) => void;

/** A session of Formula 1 as its live timing tells it. */
export class LiveRace {
  readonly #cars: TimedCars;
  readonly #timing = new Timing();
  readonly #telemetry = new Telemetry();
  readonly #logged = new Set<string>();
  /** Cars that have been in the field, and that are in it. */
  readonly #known = new Set<string>();
  #status: string | undefined;
  #track: Flag | undefined;
  #isCheckered = false;
  #lapsTotal: number | undefined;

  constructor(catalogue: Catalogue) {
    this.#cars = new TimedCars(catalogue);
  }

  /** Takes what a topic says; what has changed since it last said something. */
  take(topic: string, payload: unknown, atMs: number, sink: OfflineSink): void {
    this.#cars.hear(atMs);
    const plain = topic.replace(/\.z$/, '');
    const read = Object.hasOwn(this.#topics, plain) ? this.#topics[plain] : undefined;
    if (!read) {
      sink.unused(topic.slice(0, 60));
      return;
    }
    const content = topic === plain ? payload : inflateTopic(sink, topic, payload);
    if (content !== undefined) read(content, atMs, sink);
  }

  tick(sink: OfflineSink, closeAtMs: number): boolean {
    const isWaiting = this.#telemetry.send(this.#cars, sink, closeAtMs);
    const timing = this.#timing.timing(this.#lapsTotal, this.#hasBegun);
    for (const [car, said] of timing) {
      const values = {
        lap: said.lap,
        laps_completed: said.lap === undefined ? undefined : said.lap - 1,
        ...{ lap_time_last: said.lastLapS, lap_time_best: said.bestLapS },
        on_pit_road: said.isOnPitRoad === undefined ? undefined : Number(said.isOnPitRoad),
      };
      this.#cars.hold(car, said.isOut ? undefined : values);
      if (said.isOut && !this.#known.has(car)) this.#cars.sendOne(sink, car, closeAtMs, values);
      this.#known.add(car);
    }
    this.#cars.send(sink, closeAtMs);
    sink.timing(timing);
    return isWaiting;
  }

  /** A feed that says nothing of its status is one that runs. */
  get #hasBegun(): boolean {
    return this.#status !== 'Inactive';
  }

  get #isRacing(): boolean {
    return this.#hasBegun && !this.#isCheckered && !OVER.has(this.#status ?? '');
  }

  readonly #topics: Readonly<Record<string, Reader>> = {
    TimingData: (payload, atMs, sink) => this.#timing.take(payload, atMs, this.#isRacing, sink),
    CarData: (payload, atMs, sink) => this.#telemetry.takeCarData(payload, atMs, sink),
    Position: (payload, atMs, sink) => this.#telemetry.takePosition(payload, atMs, sink),
    DriverList: (payload, _, sink) => this.#takeDrivers(payload, sink),
    SessionInfo: (payload, _, sink) => this.#takeSession(payload, sink),
    SessionStatus: (payload, _, sink) =>
      readFields(sink, 'SessionStatus', payload, {
        Status: (value) => this.#setStatus(textOf(value), sink),
        Started: () => {},
      }),
    SessionData: (payload, _, sink) =>
      readFields(sink, 'SessionData', payload, {
        StatusSeries: (series) => {
          for (const [, entry] of entriesOf(series))
            if (isObject(entry) && entry.SessionStatus) this.#setStatus(textOf(entry.SessionStatus), sink);
        },
      }),
    TrackStatus: (payload, _, sink) =>
      readFields(sink, 'TrackStatus', payload, { Status: (value) => this.#setTrack(value, sink), Message: () => {} }),
    LapCount: (payload, _, sink) =>
      readFields(sink, 'LapCount', payload, {
        TotalLaps: (value) => {
          this.#lapsTotal = integerIn(value, 1, MAX_LAPS) ?? this.#lapsTotal;
          if (this.#lapsTotal !== undefined) sink.facts({ lapsTotal: this.#lapsTotal });
        },
        CurrentLap: () => {},
      }),
    RaceControlMessages: (payload, atMs, sink) =>
      readFields(sink, 'RaceControlMessages', payload, {
        Messages: (messages) => {
          for (const [index, message] of entriesOf(messages)) this.#takeMessage(index, message, atMs, sink);
        },
      }),
    Heartbeat: () => {},
    ExtrapolatedClock: () => {},
  };

  #setStatus(status: string | undefined, sink: OfflineSink): void {
    if (status === undefined || status === this.#status) return;
    if (status === 'Started') {
      if (this.#status === 'Inactive') this.#timing.begin();
      this.#isCheckered = false;
    }
    this.#status = status;
    this.#tellFlag(sink);
  }

  #setTrack(value: unknown, sink: OfflineSink): void {
    const code = String(integerIn(value, 0, 99));
    if (!Object.hasOwn(TRACK_FLAGS, code)) {
      sink.unused(`TrackStatus.Status=${code}`);
      return;
    }
    this.#track = TRACK_FLAGS[code];
    this.#tellFlag(sink);
  }

  #tellFlag(sink: OfflineSink): void {
    const isOver = this.#isCheckered || OVER.has(this.#status ?? '');
    const running = this.#status === 'Aborted' ? 'red' : this.#track;
    const flag = isOver ? 'checkered' : this.#hasBegun ? running : 'none';
    if (flag) sink.facts({ flag });
  }

  #takeSession(payload: unknown, sink: OfflineSink): void {
    let meeting: Record<string, unknown> = {};
    let session: string | undefined;
    readFields(sink, 'SessionInfo', payload, {
      Meeting: (value) => (meeting = isObject(value) ? value : {}),
      Name: (value) => (session = textOf(value)),
      SessionStatus: (value) => this.#setStatus(textOf(value), sink),
    });
    const name = [textOf(meeting.Name), session].filter((part) => part !== undefined).join(', ');
    const track = isObject(meeting.Circuit) ? textOf(meeting.Circuit.ShortName) : undefined;
    sink.facts({
      kind: 'recording',
      origin: 'Formula 1 live timing',
      ...(name && { name: name.slice(0, 120) }),
      ...(track && { track }),
    });
  }

  #takeDrivers(payload: unknown, sink: OfflineSink): void {
    const roster: RosterEntry[] = [];
    for (const [car, said] of Object.entries(isObject(payload) ? payload : {})) {
      if (car === '_kf') continue;
      if (!isCarId(car)) sink.malformed('A driver has no number that can be the id of a car.');
      if (!isCarId(car) || roster.length === 250) continue;
      const entry: { car: string; driver?: string; team?: string } = { car };
      readFields(sink, 'DriverList[]', said, {
        FullName: (value) => Object.assign(entry, textOf(value) && { driver: textOf(value) }),
        TeamName: (value) => Object.assign(entry, textOf(value) && { team: textOf(value) }),
        RacingNumber: () => {},
      });
      if (entry.driver || entry.team) roster.push(entry);
    }
    if (roster.length > 0) sink.facts({ roster });
  }

  #takeMessage(index: string, message: unknown, atMs: number, sink: OfflineSink): void {
    if (this.#logged.has(index)) return;
    if (this.#logged.size === MAX_LOG) {
      sink.count('log_full');
      return;
    }
    let saidMs: number | undefined;
    let text: string | undefined;
    const more: Record<string, string | number> = {};
    const keep = Object.entries(LOG_FIELDS).map(([field, name]) => [
      field,
      (value: unknown) => {
        const short = typeof value === 'number' ? integerIn(value, 0, MAX_LAPS) : textOf(value);
        if (short !== undefined) more[name] = short;
      },
    ]);
    readFields(sink, 'RaceControlMessages.Messages[]', message, {
      ...Object.fromEntries(keep),
      Utc: (value) => (saidMs = timeOf(typeof value === 'string' && !value.endsWith('Z') ? `${value}Z` : value)),
      Message: (value) => (text = typeof value === 'string' ? value.slice(0, MAX_LOG_TEXT) : undefined),
    });
    if (text === undefined) {
      sink.malformed('A message of race control has no text.');
      return;
    }
    this.#logged.add(index);
    sink.log(RACE_CONTROL, Math.round(saidMs ?? atMs), text, more);
    if (more.flag === 'CHEQUERED') {
      this.#isCheckered = true;
      this.#tellFlag(sink);
    }
  }
}

/** Entries of a list with their numbers: the whole list, or an object that says some of them. */
const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [];
