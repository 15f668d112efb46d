import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { chooseEncoding, EncodedBody } from './encoded-body.ts';
import type { Ask } from './reply.ts';

const BODY = new TextEncoder().encode('lap after lap '.repeat(200));
const ask = (acceptEncoding: string, ifNoneMatch = ''): Ask => ({
  ...{ method: 'GET', path: '/', query: '', accept: '', acceptEncoding, ifNoneMatch },
  onGone: () => {},
});

describe('the encoding of an answer', () => {
  it.each([
    ['', undefined],
    ['identity', undefined],
    ['gzip', 'gzip'],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, zstd', 'zstd'],
    ['GZIP;Q=0.5', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['br;q=0.2, gzip;q=0.8', 'gzip'],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['br;q=x, gzip;q=', undefined],
    [',,;;=', undefined],
  ])('for %j is %s', (accept, encoding) => {
    expect(chooseEncoding(accept)).toBe(encoding);
  });
});

describe('a body in several encodings', () => {
  const headers = { 'Content-Type': 'text/plain' };

  it.each([
    ['br', brotliDecompressSync],
    ['zstd', zstdDecompressSync],
    ['gzip', gunzipSync],
  ] as const)('in %s is the same when unpacked, and is made once', async (encoding, unpack) => {
    const made: number[] = [];
    const body = new EncodedBody(BODY, headers, (bytes) => made.push(bytes));
    const reply = await body.answer(ask(encoding));
    expect(reply.headers).toMatchObject({ 'Content-Encoding': encoding, Vary: 'Accept-Encoding', ...headers });
    expect(Buffer.compare(unpack(reply.body), BODY)).toBe(0);
    expect((await body.answer(ask(encoding))).body).toBe(reply.body);
    expect(made).toEqual([reply.body.length]);
    expect(body.bytes).toBe(BODY.length + reply.body.length);
  });

  it('has a tag for each encoding, and answers 304 to who has it', async () => {
    const body = new EncodedBody(BODY, headers);
    const plain = await body.answer(ask(''));
    const packed = await body.answer(ask('gzip'));
    expect(plain.headers['Content-Encoding']).toBeUndefined();
    expect(packed.headers.ETag).toBe(plain.headers.ETag!.replace(/"$/, '-gzip"'));
    expect((await body.answer(ask('gzip', packed.headers.ETag))).status).toBe(304);
    expect((await body.answer(ask('gzip', plain.headers.ETag))).status).toBe(200);
  });
});
