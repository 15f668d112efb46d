import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ask } from './reply.ts';
import { StaticFiles } from './static-files.ts';

const SCRIPT = 'export const lap = (n) => n + 1;\n'.repeat(100);
let folder: string;
let files: StaticFiles;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipstream-files-'));
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'assets', 'app-a1b2c3d4.js'), SCRIPT);
  writeFileSync(join(folder, 'small.js'), 'void 0;');
  writeFileSync(join(folder, 'picture.png'), Buffer.alloc(5000));
  files = new StaticFiles(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

const ask = (path: string, acceptEncoding: string, ifNoneMatch = ''): Ask => ({
  ...{ method: 'GET', path, query: '', accept: '', acceptEncoding, ifNoneMatch },
  onGone: () => {},
});
const answer = async (...words: Parameters<typeof ask>) => (await files.answer(ask(...words)))!;

describe('a file of the page', () => {
  it.each([
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ] as const)('comes as %s when that is accepted, and is the same when unpacked', async (encoding, unpack) => {
    const reply = await answer('/assets/app-a1b2c3d4.js', encoding);
    expect(reply.headers).toMatchObject({
      'Content-Encoding': encoding,
      'Content-Type': 'text/javascript; charset=utf-8',
      'Cache-Control': 'public, max-age=31536000, immutable',
      Vary: 'Accept-Encoding',
    });
    expect(reply.body.length).toBeLessThan(SCRIPT.length / 10);
    expect(unpack(reply.body as Uint8Array).toString()).toBe(SCRIPT);
  });

  it('is compressed once, however many ask', async () => {
    const [a, b] = await Promise.all([1, 2].map(() => answer('/assets/app-a1b2c3d4.js', 'gzip')));
    expect((await answer('/assets/app-a1b2c3d4.js', 'gzip')).body).toBe(
      (await answer('/assets/app-a1b2c3d4.js', 'gzip')).body,
    );
    expect(a!.body).toEqual(b!.body);
  });

  it('comes plain to who takes nothing else, and may be kept apart from the other forms', async () => {
    const plain = await answer('/assets/app-a1b2c3d4.js', '');
    const packed = await answer('/assets/app-a1b2c3d4.js', 'gzip');
    expect(plain.headers).toMatchObject({ Vary: 'Accept-Encoding' });
    expect(plain.headers['Content-Encoding']).toBeUndefined();
    expect(Buffer.from(plain.body as Uint8Array).toString()).toBe(SCRIPT);
    expect(packed.headers.ETag).not.toBe(plain.headers.ETag);
    expect((await answer('/assets/app-a1b2c3d4.js', 'gzip', packed.headers.ETag)).status).toBe(304);
  });

  it.each(['/small.js', '/picture.png'])('%s comes as it is: compressing it saves nothing', async (path) => {
    const reply = await answer(path, 'gzip, br');
    expect(reply.headers['Content-Encoding']).toBeUndefined();
    expect((await answer(path, 'gzip, br', reply.headers.ETag)).status).toBe(304);
  });

  it('that has been written anew is served anew, also when it is as long', async () => {
    const path = join(folder, 'words.txt');
    writeFileSync(path, 'a'.repeat(2000));
    const before = await answer('/words.txt', 'gzip');
    writeFileSync(path, 'b'.repeat(2000));
    utimesSync(path, 1, 1);
    const after = await answer('/words.txt', 'gzip');
    expect(gunzipSync(after.body as Uint8Array).toString()).toBe('b'.repeat(2000));
    expect(after.headers.ETag).not.toBe(before.headers.ETag);
  });

  it('that is gone is gone', async () => {
    const path = join(folder, 'gone.txt');
    writeFileSync(path, 'c'.repeat(2000));
    expect((await answer('/gone.txt', 'gzip')).status).toBe(200);
    rmSync(path);
    expect(await files.answer(ask('/gone.txt', 'gzip'))).toBeUndefined();
  });
});
