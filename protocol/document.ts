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
}

export type Flag = 'none' | 'green' | 'yellow' | 'red' | 'white' | 'checkered';

/** One car of the field, as announced. */
export interface RosterEntry {
  readonly car: string;
  readonly driver?: string;
  readonly team?: string;
  readonly make?: string;
}
