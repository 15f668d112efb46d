import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { EncodedBody } from './encoded-body.ts';
import { type Ask, answerTagged, type Reply } from './reply.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};
/** Names that a bundler gives a file by its content never change what they mean. */
const HASHED = /[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;

/** What is text inside: fonts and pictures are compressed already. */
const TEXT = /^(text|application|image)\/(html|javascript|css|json|manifest\+json|plain|svg\+xml|wasm)\b/;
/** A smaller file takes as many packets compressed as it does plain. */
const FEWEST_BYTES = 1000;
/** A larger file would keep a core busy for seconds. */
const MOST_BYTES = 2_000_000;
/** Files and their compressed forms that stay in memory: a page with all its parts has a hundredth of it. */
const MAX_KEPT_BYTES = 32_000_000;

interface Kept {
  /** Changes whenever the file does. */
  readonly version: string;
  readonly body: EncodedBody;
}

/** Serves the files under a folder, text compressed for whoever takes it: each form is made once, as small as it gets. */
export class StaticFiles {
  readonly #root: string;
  /** By path, the one that was asked for longest ago first. */
  readonly #kept = new Map<string, Kept>();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Answers with one file; a folder means its `index.html`.
   * @returns `undefined` when there is no such file, or the path leads out of the folder, also through a link.
   */
  async answer(ask: Ask): Promise<Reply | undefined> {
    if (ask.method !== 'GET' && ask.method !== 'HEAD') return undefined;
    try {
      const path = decodeURIComponent(ask.path);
      if (path.includes('\0') || path.split(/[/\\]/).some((part) => part === '..' || part.startsWith('.')))
        return undefined;
      const base = await realpath(this.#root);
      const file = await realpath(join(base, path.endsWith('/') ? `${path}index.html` : path));
      if (!file.startsWith(base + sep)) return undefined;
      return await this.#read(ask, file, path.includes('/assets/') && HASHED.test(path));
    } catch {
      return undefined;
    }
  }

  async #read(ask: Ask, file: string, isForEver: boolean): Promise<Reply> {
    const headers = {
      'Content-Type': TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream',
      'Cache-Control': isForEver ? 'public, max-age=31536000, immutable' : 'no-cache',
      'X-Content-Type-Options': 'nosniff',
    };
    const { size, mtimeMs, ino } = await stat(file);
    if (size < FEWEST_BYTES || size > MOST_BYTES || !TEXT.test(headers['Content-Type'])) {
      const body = await readFile(file);
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      return answerTagged(ask, body, etag, headers);
    }
    const version = `${size} ${mtimeMs} ${ino} ${isForEver}`;
    let kept = this.#kept.get(file);
    // Asked before it is read: a file that changes meanwhile is another version the next time.
    if (kept?.version !== version)
      kept = { version, body: new EncodedBody(await readFile(file), headers, () => this.#tidy(), 'thorough') };
    this.#kept.delete(file);
    this.#kept.set(file, kept);
    this.#tidy();
    return kept.body.answer(ask);
  }

  #tidy(): void {
    let bytes = 0;
    for (const { body } of this.#kept.values()) bytes += body.bytes;
    for (const [file, { body }] of this.#kept) {
      if (bytes <= MAX_KEPT_BYTES) return;
      bytes -= body.bytes;
      this.#kept.delete(file);
    }
  }
}
