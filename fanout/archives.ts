import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ArchiveReader } from '../archive/archive-reader.ts';
import { fileSource } from '../archive/byte-source.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { ConfigError } from '../protocol/errors.ts';
import { isRaceName } from '../protocol/position.ts';
import { type ArchivedRace, archiveOrigin } from './archive-origin.ts';
import { summarise } from './race-summary.ts';

const EXTENSION = '.race';
/** More in one folder are not read. */
const MAX_FILES = 1000;
const MAX_CATALOGUES = 256;

export interface ArchivesOptions {
  /** Every file in it that ends in `.race` is an archive. */
  readonly folder: string;
  /** How often it is looked at. */
  readonly lookEveryMs: number;
  /** Told of what cannot be read, each once. */
  readonly report: (code: string, detail: unknown) => void;
}

/** A file, and what it is of; without a race it cannot be used. */
interface Shelved {
  readonly path: string;
  /** Changes with the file. */
  readonly version: string;
  readonly changedMs: number;
  readonly race?: string;
  readonly summary?: ReturnType<typeof summarise>;
}

/** The archive files of a folder. They may come, go and be replaced (by renaming) at any time. */
export class Archives {
  readonly #options: ArchivesOptions;
  #byPath = new Map<string, Shelved>();
  #byRace = new Map<string, Shelved>();
  readonly #catalogues = new Map<string, Catalogue>();
  readonly #told = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: ArchivesOptions) {
    this.#options = options;
  }

  /** Looks into the folder, and then again and again; resolves after the first time. */
  async start(): Promise<void> {
    await this.#look();
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), this.#options.lookEveryMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** What is known of the races in them. */
  all(): ReturnType<typeof summarise>[] {
    return [...this.#byRace.values()].map(({ summary }) => summary!);
  }

  /** A catalogue that one of them is in. */
  catalogue(hash: string): Catalogue | undefined {
    return this.#catalogues.get(hash);
  }

  /** Changes when there is another file of the race; `undefined` when there is none. */
  versionOf(race: string): string | undefined {
    return this.#byRace.get(race)?.version;
  }

  /** @returns `undefined` when there is no file of the race, or it cannot be read. */
  async open(race: string): Promise<ArchivedRace | undefined> {
    const file = this.#byRace.get(race);
    if (!file) return undefined;
    try {
      return (await this.#read(file)).origin;
    } catch (error) {
      this.#tell(file.path, error);
      return undefined;
    }
  }

  async #read({ path }: Shelved) {
    const reader = await ArchiveReader.open(await fileSource(path));
    return { reader, origin: await archiveOrigin(reader, (error) => this.#tell(path, error)) };
  }

  #tell(path: string, error: unknown): void {
    const what = `${path} ${(error as Error).message}`;
    if (!this.#told.has(what)) this.#options.report(`archive ${basename(path)}`, error);
    this.#told.add(what);
  }

  async #look(): Promise<void> {
    const byPath = new Map<string, Shelved>();
    const { folder } = this.#options;
    try {
      const names = (await readdir(folder)).filter((name) => name.endsWith(EXTENSION));
      if (names.length > MAX_FILES) {
        const what = `There are ${names.length} archives in ${folder}, more than ${MAX_FILES}: move some elsewhere.`;
        throw new ConfigError('too_many_archives', what);
      }
      for (const name of names) {
        if (this.#isStopped) return;
        const path = join(folder, name);
        const { size, mtimeMs, ino } = await stat(path);
        const file = { path, version: `${ino} ${size} ${mtimeMs}`, changedMs: mtimeMs };
        const known = this.#byPath.get(path);
        byPath.set(path, known?.version === file.version ? known : await this.#shelve(file));
      }
    } catch (error) {
      // As when a file is removed meanwhile, or the disk is away: what is known stays until the next look.
      this.#tell(folder, error);
      return;
    }
    this.#byPath = byPath;
    // Of two files of a race the newer one is served.
    const files = [...byPath.values()].sort((a, b) => a.changedMs - b.changedMs);
    this.#byRace = new Map(files.flatMap((file) => (file.race === undefined ? [] : [[file.race, file]])));
  }

  async #shelve(file: Shelved): Promise<Shelved> {
    try {
      const { reader, origin } = await this.#read(file);
      const { race } = reader.contents;
      if (!isRaceName(race)) return file;
      for (const catalogue of await origin.segments.catalogues()) this.#catalogues.set(catalogue.hash, catalogue);
      while (this.#catalogues.size > MAX_CATALOGUES) this.#catalogues.delete(this.#catalogues.keys().next().value!);
      return { ...file, race, summary: summarise(race, origin.state) };
    } catch (error) {
      this.#tell(file.path, error);
      return file;
    }
  }
}
