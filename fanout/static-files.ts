import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
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

/**
 * Reads one file under `root`; a folder means its `index.html`.
 * @returns `undefined` when there is no such file, or the path leads out of `root`, also through a link.
 */
export async function answerFile(ask: Ask, root: string): Promise<Reply | undefined> {
  if (ask.method !== 'GET' && ask.method !== 'HEAD') return undefined;
  try {
    const path = decodeURIComponent(ask.path);
    if (path.includes('\0') || path.split(/[/\\]/).some((part) => part === '..' || part.startsWith('.')))
      return undefined;
    const base = await realpath(root);
    const file = await realpath(join(base, path.endsWith('/') ? `${path}index.html` : path));
    if (!file.startsWith(base + sep)) return undefined;
    const body = await readFile(file);
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    return answerTagged(ask, body, etag, {
      'Content-Type': TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream',
      'Cache-Control':
        path.includes('/assets/') && HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
      'X-Content-Type-Options': 'nosniff',
    });
  } catch {
    return undefined;
  }
}
