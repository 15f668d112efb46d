import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type BodyResponse, writeBody } from './write-body.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A socket that takes so many bytes at a time. */
class Reader implements BodyResponse {
  readonly taken: Uint8Array[] = [];
  readonly ended: (string | Uint8Array)[] = [];
  readonly #room: number;
  #more: ((offset: number) => boolean) | undefined;
  isClosed = false;
  gone = () => {};

  constructor(room: number) {
    this.#room = room;
  }

  get bytes(): number {
    return this.taken.reduce((sum, { length }) => sum + length, 0);
  }

  end(body: string | Uint8Array): void {
    this.ended.push(body);
  }
  tryEnd(rest: Uint8Array, total: number): [boolean, boolean] {
    this.taken.push(rest.slice(0, this.#room));
    return [rest.length <= this.#room, this.bytes === total];
  }
  onWritable(more: (offset: number) => boolean): void {
    this.#more = more;
  }
  close(): void {
    this.isClosed = true;
    this.gone();
  }
  read(): void {
    this.#more!(this.bytes);
  }
}

const write = (reader: Reader, body: string | Uint8Array) =>
  writeBody(reader, body, false, (act) => {
    reader.gone = act;
  });

const LARGE = Uint8Array.from({ length: 200_000 }, (_, n) => n % 251);

it('a small body goes out at once', () => {
  const reader = new Reader(10);
  write(reader, 'text');
  write(reader, LARGE.subarray(0, 64 * 1024));
  expect(reader.ended).toHaveLength(2);
  expect(vi.getTimerCount()).toBe(0);
});

it('a large one goes out as it is read, and nothing is left behind', () => {
  const reader = new Reader(30_000);
  write(reader, LARGE);
  while (reader.bytes < LARGE.length) reader.read();
  expect(Buffer.concat(reader.taken)).toEqual(Buffer.from(LARGE));
  expect(reader.taken).toHaveLength(7);
  expect(vi.getTimerCount()).toBe(0);
  expect(reader.isClosed).toBe(false);
});

it('who takes too long is cut off, and who leaves is forgotten', () => {
  const [slow, gone] = [new Reader(1000), new Reader(1000)];
  write(slow, LARGE);
  write(gone, LARGE);
  gone.gone();
  expect(vi.getTimerCount()).toBe(1);
  for (let n = 0; n < 59; n++) {
    slow.read();
    vi.advanceTimersByTime(1000);
  }
  expect(slow.isClosed).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(slow.isClosed).toBe(true);
});
