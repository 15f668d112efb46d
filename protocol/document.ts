/** What a source knows of a race besides samples. Every field may be missing; later facts win. */
export interface RaceFacts {
  readonly name?: string;
  readonly track?: string;
  /** Length of one lap in metres. */
  readonly trackLengthM?: number;
  /** `simulation` and `recording` are shown as such wherever the race is named. */
  readonly kind?: 'live' | 'recording' | 'simulation';
  /** One sentence on where the data comes from, such as `iRacing recording, replicated`. */
  readonly origin?: string;
  readonly lapsTotal?: number;
  readonly flag?: Flag;
  readonly roster?: readonly RosterEntry[];
  /** What race control said since, in order. */
  readonly control?: readonly ControlNews[];
}

/** A message of race control as it came. */
export interface ControlNews {
  readonly text: string;
  /** When it was said, Unix ms; left out: now. */
  readonly atMs?: number;
}

/** A message of race control. */
export interface ControlMessage extends ControlNews {
  /** Race time, Unix ms. */
  readonly atMs: number;
}

export type Flag = 'none' | 'green' | 'yellow' | 'red' | 'white' | 'checkered';

/** One car of the field, as announced. */
export interface RosterEntry {
  readonly car: string;
  readonly driver?: string;
  readonly team?: string;
  readonly make?: string;
}

/** Where one car stands. Everything comes from its telemetry, or from official timing where a recording has it. */
export interface Standing {
  /** 1 for the leader; cars that never sent a lap come last. */
  readonly position: number;
  /** Lap the car is in; `null` while unknown. */
  readonly lap: number | null;
  /** Laps behind the leader at the last crossing of the line. */
  readonly lapsDown: number;
  /** Seconds behind the leader at the last crossing of the line, on the lead lap only. */
  readonly gapS: number | null;
  /** Race time of the last crossing of the line, Unix ms. */
  readonly lineAtMs: number | null;
  readonly lastLapS: number | null;
  readonly bestLapS: number | null;
  readonly status: 'running' | 'pit' | 'silent';
  /** Pit stops made so far. */
  readonly stops: number;
}

/** One visit to pit road. */
export interface PitStop {
  readonly car: string;
  readonly lap: number | null;
  /** Race time of entry and exit, Unix ms; exit is `null` while the car is on pit road. */
  readonly inAtMs: number;
  readonly outAtMs: number | null;
}

/** The leader began a lap. */
export interface LapStart {
  readonly lap: number;
  /** Race time, Unix ms. */
  readonly atMs: number;
}

/** The flag was shown from here on. */
export interface FlagChange {
  readonly flag: Flag;
  /** Race time, Unix ms. */
  readonly atMs: number;
}

/** The race as JSON. Changes travel as RFC 6902 patches; see PROTOCOL.md, "Document". */
export interface RaceDocument {
  readonly session: {
    readonly race: string;
    readonly name: string;
    readonly track: string | null;
    readonly trackLengthM: number | null;
    readonly kind: 'live' | 'recording' | 'simulation';
    readonly origin: string | null;
    /** Race time of the first tick, Unix ms. */
    readonly startedAtMs: number;
    readonly lapsTotal: number | null;
  };
  readonly flag: Flag;
  /** Lap of the leader. */
  readonly lap: number | null;
  readonly roster: Readonly<Record<string, RosterEntry>>;
  /** By car id; sort by `position` to show them. */
  readonly standings: Readonly<Record<string, Standing>>;
  /** Oldest first, at most {@link MAX_PIT_STOPS}. */
  readonly pitStops: readonly PitStop[];
  /** Laps of the leader, oldest first, at most {@link MAX_LAP_STARTS}; an ingest of before does not say them. */
  readonly laps?: readonly LapStart[];
  /** Flags, oldest first, at most {@link MAX_FLAG_CHANGES}; likewise. */
  readonly flags?: readonly FlagChange[];
  /** What race control said, in the order in which it came, at most {@link MAX_CONTROL_MESSAGES}; left out while it has said nothing. */
  readonly control?: readonly ControlMessage[];
}

export const MAX_PIT_STOPS = 400;
export const MAX_LAP_STARTS = 600;
export const MAX_FLAG_CHANGES = 200;
export const MAX_CONTROL_MESSAGES = 100;
/** Characters of a message of race control. */
export const MAX_CONTROL_TEXT = 240;
