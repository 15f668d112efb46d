import { type BuiltFile, type BuiltFiles, findParts, isPageOf } from './built-files.ts';
import { cachesToDelete } from './strategy.ts';

/**
 * What a browser keeps of one build of the page.
 *
 * The page and all that it needs are written at one time, the page last, and never changed: what is kept is whole.
 */
export class PageCache {
  readonly #scope: string;
  readonly #files: BuiltFiles;
  readonly #prefix: string;
  readonly #name: string;

  /** @param scope Absolute address of the folder of the page, with `/` at its end: an origin may have several. */
  constructor(scope: string, files: BuiltFiles) {
    this.#scope = scope;
    this.#files = files;
    const { pathname } = new URL(scope);
    this.#prefix = `slipstream-page ${pathname} `;
    this.#name = this.#prefix + files.version;
  }

  /**
   * Loads the page and what it needs.
   * @throws when a part cannot be had, is not the one of this build, or does not fit in: nothing is kept then.
   */
  async keepPage(): Promise<void> {
    // A build that comes back is the newest again: caches stand in the order in which they were made.
    await caches.delete(this.#name);
    try {
      const cache = await caches.open(this.#name);
      const page = await load(this.#scope, { cache: 'no-cache' });
      if (!isPageOf(await page.clone().text(), this.#files.needed))
        throw new Error(`${this.#scope} is not the page of this build; another one is being deployed.`);
      await Promise.all(this.#files.needed.map((file) => this.#keep(cache, file)));
      await cache.put(this.#scope, page);
    } catch (error) {
      await caches.delete(this.#name);
      throw error;
    }
  }

  /** Loads the other files, those that are missing. What cannot be had now is tried again at the next visit. */
  async keepRest(): Promise<void> {
    const cache = await caches.open(this.#name);
    const keepMissing = async (file: BuiltFile) => {
      if (!(await cache.match(this.#urlOf(file)))) await this.#keep(cache, file);
    };
    await Promise.allSettled(this.#files.later.map(keepMissing));
  }

  async #keep(cache: Cache, file: BuiltFile): Promise<void> {
    const url = this.#urlOf(file);
    await cache.put(url, await load(url, { integrity: file.integrity }));
  }

  #urlOf({ path }: BuiltFile): string {
    return new URL(path, this.#scope).href;
  }

  /**
   * The newest page of which every part is there too: browsers let people delete single files. It may be newer than this
   * build, whose worker stays as long as a page is open.
   */
  async readPage(): Promise<Response | undefined> {
    for (const name of (await this.#names()).reverse()) {
      const cache = await caches.open(name);
      const page = await cache.match(this.#scope, ANY_VARIANT);
      if (!page) continue;
      const paths = findParts(await page.clone().text());
      const parts = await Promise.all(paths.map((path) => cache.match(new URL(path, this.#scope), ANY_VARIANT)));
      if (!parts.includes(undefined)) return page;
    }
    return undefined;
  }

  /** Names of the caches of all builds, the newest last. */
  async #names(): Promise<string[]> {
    return (await caches.keys()).filter((name) => name.startsWith(this.#prefix));
  }

  /** A file of this build, or of the one before while a page of it may be open. */
  async readFile(url: string): Promise<Response | undefined> {
    const others = (await this.#names()).filter((name) => name !== this.#name);
    for (const name of [this.#name, ...others]) {
      const found = await (await caches.open(name)).match(url, ANY_VARIANT);
      if (found) return found;
    }
    return undefined;
  }

  async deleteOthers(hasOpenPages: boolean): Promise<void> {
    const old = cachesToDelete(await caches.keys(), this.#prefix, this.#name, hasOpenPages);
    await Promise.all(old.map((name) => caches.delete(name)));
  }
}

/** The address says all: which encoding a file came in does not matter any more. */
const ANY_VARIANT = { ignoreVary: true } as const;

/** @throws when the answer is not the file itself. A page that was redirected may not be shown for another address. */
async function load(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (!response.ok || response.redirected)
    throw new Error(`${url} was answered with status ${response.status}${response.redirected ? ', elsewhere' : ''}.`);
  return response;
}
