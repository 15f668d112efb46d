import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Outgoing } from './outgoing.ts';
import { Spool } from './spool.ts';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'slipstream-spool-')), 'race');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

const IDENTITY = { epoch: '0123456789abcdef', catalogue: 'hash' };
const SEQS = new Map([['tick', 7]]);
const message = (n: number): Outgoing => ({
  subject: 'tick',
  id: `${n}`,
  data: new Uint8Array(100).fill(n),
  base: () => new Uint8Array([n]),
});
const plain = (messages: Iterable<Outgoing>) => [...messages].map(({ id, data }) => [Number(id), ...data]);
const expected = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => [from + n, ...message(from + n).data]);
const files = () => readdirSync(folder).filter((name) => name.endsWith('.spool'));

function open(more: { maxBytes?: number; race?: string } = {}): Spool {
  return new Spool({ folder, race: 'race', maxBytes: 1e6, segmentBytes: 500, ...more });
}

function fill(count: number, spool = open()): Spool {
  spool.begin(IDENTITY, SEQS);
  for (let n = 0; n < count; n++) spool.append(message(n));
  return spool;
}

describe('a spool', () => {
  it('makes nothing before it is needed', () => {
    expect(open().load()).toBeUndefined();
    open().close();
    expect(() => readdirSync(folder)).toThrow('ENOENT');
  });

  it('gives back what was appended, file by file, and goes with what is settled', () => {
    const spool = fill(20);
    expect(files().length).toBeGreaterThan(3);
    expect(plain(spool.readAll(0))).toEqual(expected(0, 20));
    expect(plain(spool.readAll(13))).toEqual(expected(13, 20));
    const before = files().length;
    spool.settle({ upTo: 9, lastSeqs: SEQS });
    expect(files().length).toBeLessThan(before);
    expect(plain(spool.readAll(9))).toEqual(expected(9, 20));
    spool.settle({ upTo: 20, lastSeqs: SEQS });
    expect(files()).toEqual([]);
    expect(spool.bytes).toBe(0);
  });

  it('is found by the next process, with what is settled, and goes on in a file of its own', () => {
    const before = fill(20);
    before.settle({ upTo: 9, lastSeqs: new Map([['tick', 16]]) });
    before.close();
    const spool = open();
    const left = spool.load();
    expect(left).toEqual({
      ...IDENTITY,
      settled: { upTo: 9, lastSeqs: new Map([['tick', 16]]) },
      end: 20,
      droppedBytes: 0,
    });
    const { base, messages } = spool.readNewest();
    expect(plain(messages)).toEqual(expected(20 - messages.length, 20));
    expect(base).toEqual(new Uint8Array([20 - messages.length]));
    spool.append(message(20));
    expect(plain(spool.readAll(9))).toEqual(expected(9, 21));
    spool.close();
    expect(open().load()).toMatchObject({ end: 21 });
  });

  it('without its last record, when that was cut off, is whole', () => {
    fill(20).close();
    const newest = join(folder, files().at(-1)!);
    const text = readFileSync(newest);
    writeFileSync(newest, text.subarray(0, text.length - 3));
    appendFileSync(newest, new Uint8Array(40));
    const spool = open();
    const left = spool.load()!;
    expect(left.end).toBe(19);
    expect(left.droppedBytes).toBeGreaterThan(100);
    spool.append(message(19));
    spool.close();
    const again = open();
    expect(again.load()).toMatchObject({ end: 20, droppedBytes: 0 });
    expect(plain(again.readAll(0))).toEqual(expected(0, 20));
  });

  it('whose first files are gone begins with those that are there', () => {
    fill(20).close();
    const [gone] = files();
    rmSync(join(folder, gone!));
    const spool = open();
    const { settled } = spool.load()!;
    expect(settled.upTo).toBeGreaterThan(0);
    expect(plain(spool.readAll(settled.upTo))).toEqual(expected(settled.upTo, 20));
  });

  it('ends where a file in the middle is damaged or missing', () => {
    for (const harm of [(path: string) => rmSync(path), (path: string) => writeFileSync(path, 'x')]) {
      fill(20).close();
      const all = files();
      harm(join(folder, all[2]!));
      const spool = open();
      const left = spool.load()!;
      expect(left.end).toBeLessThan(13);
      expect(left.droppedBytes).toBeGreaterThan(0);
      expect(files()).toEqual(all.slice(0, 2));
      expect(plain(spool.readAll(0))).toEqual(expected(0, left.end));
      spool.discard();
      spool.close();
    }
  });

  it('of another race is not taken', () => {
    fill(3).close();
    expect(open({ race: 'other' }).load()).toBeUndefined();
  });

  it('takes no more than its limit, and what it has taken stays', () => {
    const spool = open({ maxBytes: 1000 });
    expect(() => fill(20, spool)).toThrow(expect.objectContaining({ code: 'spool_full', name: 'SpoolError' }));
    expect(spool.bytes).toBeLessThanOrEqual(1000);
    expect(spool.end).toBeGreaterThan(3);
    expect(plain(spool.readAll(0))).toEqual(expected(0, spool.end));
  });

  it('of another process is left alone', () => {
    const first = fill(3);
    const second = open();
    expect(() => second.load()).toThrow(expect.objectContaining({ code: 'spool_in_use' }));
    expect(() => fill(1, second)).toThrow(expect.objectContaining({ code: 'spool_in_use' }));
    first.close();
    expect(second.load()).toMatchObject({ end: 3 });
  });

  it('says when it cannot read back what it wrote', () => {
    const spool = fill(20);
    writeFileSync(join(folder, files()[0]!), 'x');
    expect(() => spool.read(0)).toThrow(expect.objectContaining({ code: 'spool_damaged' }));
    rmSync(join(folder, files()[1]!));
    expect(() => [...spool.readAll(6)]).toThrow(expect.objectContaining({ code: 'spool_disk' }));
  });

  it('says when its folder cannot be written', () => {
    const file = join(folder, '..', 'file');
    writeFileSync(file, '');
    const spool = new Spool({ folder: join(file, 'race'), race: 'race', maxBytes: 1e6 });
    expect(() => spool.load()).toThrow(expect.objectContaining({ code: 'spool_disk' }));
    expect(() => fill(1, spool)).toThrow(expect.objectContaining({ code: 'spool_disk' }));
  });
});
