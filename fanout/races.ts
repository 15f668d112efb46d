import type { NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { isRaceName } from '../protocol/position.ts';
import type { Archives } from './archives.ts';
import { Lull } from './lull.ts';
import { Race, type RaceOptions } from './race.ts';
import { natsOrigin, type RaceOrigin } from './race-origin.ts';

/** Notes how long races take on the whole edge, with `fans` on it. */
interface RaceMeter {
  noteTick(race: string, lateMs: number, fans: number): void;
  notePass(race: string, tookMs: number, encodedMs: number): void;
}

export interface RacesOptions extends Omit<RaceOptions, 'race' | 'fansOnEdge' | 'mayWait'> {
  /** The only races of NATS to serve; all that it has a stream of when left out. */
  readonly names?: readonly string[] | undefined;
  /** Races that NATS does not have are looked for here. */
  readonly archives?: Archives | undefined;
  /** Whether the connection to NATS stands. */
  readonly isConnected: () => boolean;
  /** How often new streams are looked for. */
  readonly discoverMs: number;
  /** Told how long it takes, in ms; see race.ts. */
  readonly meter: RaceMeter;
  /** Whether connections are so many that none is kept without need. */
  readonly isCrowded: () => boolean;
}

/** Old catalogues are kept for clients that are about to read one. */
const MAX_CATALOGUES = 64;
/** Archived races that are open, each with some 30 MB at most; those that nobody looks at make room for others. */
const MAX_ARCHIVED = 16;

/** All races on this edge. */
export class Races {
  readonly #connection: NatsConnection;
  readonly #options: RacesOptions;
  readonly #byName = new Map<string, Race>();
  readonly #catalogues = new Map<string, Catalogue>();
  /** Versions of the files of those that are archived; the one that was asked for last comes last. */
  readonly #archived = new Map<string, string>();
  #opening: Promise<unknown> = Promise.resolve();
  /** Between the ticks of all races. */
  readonly lull = new Lull(() => this.#isServing);
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<boolean> | undefined;
  #isStopped = false;

  constructor(connection: NatsConnection, options: RacesOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Begins to follow; returns when the races of the moment are known, or at once when NATS cannot tell. */
  async start(): Promise<void> {
    for (const name of this.#options.names ?? []) this.#add(name);
    if (this.#options.names) return;
    await this.discover();
    this.#timer = setInterval(() => void this.discover(), this.#options.discoverMs);
  }

  get(name: string): Race | undefined {
    const race = this.#byName.get(name);
    return race && !this.#isOutdated(race) ? race : undefined;
  }

  all(): Race[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get #isServing(): boolean {
    for (const race of this.#byName.values()) if (race.isServing) return true;
    return false;
  }

  get fans(): number {
    let fans = 0;
    for (const race of this.#byName.values()) fans += race.fans.size + race.people.size;
    return fans;
  }

  /** Long polls that wait. */
  get polls(): number {
    let polls = 0;
    for (const race of this.#byName.values()) polls += race.polls.size;
    return polls;
  }

  /** A request that waits is a fan: together they are no more than the edge takes. */
  get #hasRoom(): boolean {
    return this.fans + this.polls < this.#options.limits.maxFans && !this.#options.isCrowded();
  }

  /** A catalogue that one of the races is or was in. */
  catalogue(hash: string): Catalogue | undefined {
    const known = this.#catalogues.get(hash);
    if (known) return known;
    for (const { segments } of this.#byName.values()) {
      const past = segments.catalogue(hash);
      if (past) return past;
    }
    return undefined;
  }

  /** A race that may have begun a moment ago. @returns `unknown` only when NATS says that there is no such stream. */
  async find(name: string): Promise<Race | 'unknown' | 'unsure'> {
    const known = this.get(name);
    if (known) return known;
    if (!isRaceName(name)) return 'unknown';
    // Whoever asks for nonsense again and again has at most one question at NATS.
    const isSure = this.#options.names ? true : await this.discover();
    return this.#byName.get(name) ?? (await this.#fromArchive(name)) ?? (isSure ? 'unknown' : 'unsure');
  }

  /** An archived race whose file is another one now, or gone: forgotten, unless somebody looks at it. */
  #isOutdated(race: Race): boolean {
    const version = this.#archived.get(race.name);
    if (version === undefined) return false;
    this.#archived.delete(race.name);
    this.#archived.set(race.name, version);
    return version !== this.#options.archives!.versionOf(race.name) && this.#remove(race);
  }

  /** @returns whether it is gone: nobody looks at it. */
  #remove(race: Race): boolean {
    if (race.fans.size + race.people.size + race.polls.size > 0) return false;
    this.#byName.delete(race.name);
    this.#archived.delete(race.name);
    void race.stop();
    return true;
  }

  /** One at a time: whoever asks for many takes the edge from nobody. */
  #fromArchive(name: string): Promise<Race | 'unsure' | undefined> {
    const opened = this.#opening.then(async () => {
      const version = this.#options.archives?.versionOf(name);
      const known = this.#byName.get(name);
      if (known || version === undefined || this.#isStopped) return known;
      if (!this.#hasRoomForArchived()) return 'unsure';
      const origin = await this.#options.archives!.open(name);
      if (!origin || this.#isStopped) return undefined;
      this.#archived.set(name, version);
      return this.#add(name, origin);
    });
    this.#opening = opened.catch(() => {});
    return opened;
  }

  #hasRoomForArchived(): boolean {
    for (const name of [...this.#archived.keys()]) {
      if (this.#archived.size < MAX_ARCHIVED) return true;
      this.#remove(this.#byName.get(name)!);
    }
    return this.#archived.size < MAX_ARCHIVED;
  }

  /** Looks for new streams; calls at the same time share one question. @returns whether NATS answered. */
  discover(): Promise<boolean> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<boolean> {
    try {
      const names = await RaceStream.list(this.#connection);
      if (this.#isStopped) return false;
      for (const race of [...this.#byName.values()]) {
        const isArchived = this.#archived.has(race.name);
        // What is live goes before what was kept of it.
        if (isArchived ? names.includes(race.name) : !race.state && !names.includes(race.name)) this.#remove(race);
      }
      for (const name of names) if (!this.#byName.has(name) && isRaceName(name)) this.#add(name);
      return true;
    } catch {
      return false;
    }
  }

  #add(name: string, origin?: RaceOrigin): Race {
    const { edge, tickMs, limits, report, isConnected, meter } = this.#options;
    const place = { fansOnEdge: () => this.fans, mayWait: () => this.#hasRoom };
    const options = { race: name, edge, tickMs, limits, report, ...place };
    const onCatalogue = (catalogue: Catalogue) => {
      this.#catalogues.set(catalogue.hash, catalogue);
      if (this.#catalogues.size > MAX_CATALOGUES) this.#catalogues.delete(this.#catalogues.keys().next().value!);
    };
    const events = {
      onCatalogue,
      onTick: (lateMs: number) => meter.noteTick(name, lateMs, this.fans),
      onPass: (tookMs: number, encodedMs: number) => {
        meter.notePass(name, tookMs, encodedMs);
        this.lull.resume();
      },
    };
    const race = new Race(origin ?? natsOrigin(this.#connection, name, isConnected), options, events);
    this.#byName.set(name, race);
    return race;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await Promise.all([...this.#byName.values()].map((race) => race.stop()));
  }
}
