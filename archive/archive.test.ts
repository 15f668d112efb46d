import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ArchiveError } from './archive-error.ts';
import { ArchiveReader } from './archive-reader.ts';
import { ArchiveWriter } from './archive-writer.ts';
import { BLOCK } from './block.ts';
import { sourceOf } from './byte-source.ts';
import { verifyArchive } from './report.ts';
import { simulateMessages } from './testing/race-messages.ts';
import type { ArchivedMessage } from './tick-block.ts';

const TICKS = 500;
let race: ArchivedMessage[];
let file: Uint8Array;

function write(messages: readonly ArchivedMessage[]): Uint8Array {
  const writer = new ArchiveWriter('demo');
  const parts = [writer.begin(), ...messages.flatMap((message) => writer.add(message)), ...writer.finish()];
  return Uint8Array.from(Buffer.concat(parts));
}

const open = (bytes: Uint8Array) => ArchiveReader.open(sourceOf(bytes));

async function readAll(bytes: Uint8Array): Promise<ArchivedMessage[]> {
  const reader = await open(bytes);
  const blocks = await Promise.all(reader.blocks.map((block) => reader.block(block)));
  return blocks.flatMap(({ messages }) => messages);
}

const verify = async (bytes: Uint8Array) => verifyArchive(await open(bytes), () => {});

/** Bytes as text: unlike arrays, quick to compare. */
const plain = (messages: readonly ArchivedMessage[]) =>
  messages.map(({ kind, seq, data }) => `${kind} ${seq} ${Buffer.from(data).toString('base64')}`);

beforeAll(async () => {
  race = await simulateMessages(TICKS, { cars: 3 });
  file = write(race);
});

describe('an archive', () => {
  it('gives back every message byte for byte', async () => {
    expect(plain(await readAll(file))).toEqual(plain(race));
  });

  it('is no larger than the deltas in it and 3 %', () => {
    const tickBytes = race.filter(({ kind }) => kind === 'tick').reduce((sum, { data }) => sum + data.length, 0);
    expect(file.length / tickBytes).toBeLessThan(1.03);
  });

  it('says what is in it', async () => {
    const { contents, hasIndex } = await open(file);
    expect(hasIndex).toBe(true);
    expect(contents.messages.tick).toBe(TICKS);
    expect(contents.problems).toEqual([]);
    expect(contents.blocks.flatMap(({ ticks }) => (ticks ? [ticks] : []))).toEqual([
      [0, 119],
      [120, 239],
      [240, 359],
      [360, 479],
      [480, 499],
    ]);
    expect(contents.events.filter(({ type }) => type === 'lap').length).toBeGreaterThan(2);
  });

  it('is found sound by reading all of it', async () => {
    expect(await verify(file)).toEqual({ ticks: TICKS, messages: race.length, problems: [] });
  });

  it('keeps several epochs and sequences with holes', async () => {
    const second = await simulateMessages(50, { epoch: 'aaaaaaaaaaaaaaaa', firstSeq: 10_000 });
    const both = [...race.slice(0, 300), ...second];
    const bytes = write(both);
    expect(plain(await readAll(bytes))).toEqual(plain(both));
    expect((await verify(bytes)).problems).toEqual([]);
  });

  it('begins in the middle of a race whose beginning the stream has forgotten', async () => {
    const rest = race.slice(race.findIndex(({ kind, seq }) => kind === 'keyframe' && seq > 100));
    const messages = [race[0]!, ...rest];
    const bytes = write(messages);
    expect(plain(await readAll(bytes))).toEqual(plain(messages));
    expect((await verify(bytes)).problems).toEqual([]);
  });

  it('keeps what the stream held unreadable as it was, and names it', async () => {
    const hole = race.findIndex(({ kind, seq }) => kind === 'tick' && seq > 200);
    const bad = race[hole + 40]!;
    const harmed = race
      .filter((_, index) => index !== hole)
      .map((message) =>
        message === bad ? { ...bad, data: bad.data.map((byte, at) => (at === 30 ? byte ^ 1 : byte)) } : message,
      );
    const bytes = write([...harmed, { kind: 'log.chat', seq: race.length + 5, data: Uint8Array.of(1, 2, 3) }]);
    expect(plain((await readAll(bytes)).slice(0, -1))).toEqual(plain(harmed));
    const { problems } = await verify(bytes);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toMatch(/^Sequence \d+: /);
  });

  it('gives, damaged anywhere, every message of the blocks that are intact, and names the rest', async () => {
    const blocks = (await open(file)).contents.blocks;
    const whole = new Set(plain(race));
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const harmed = file.slice();
        harmed[at] = harmed[at]! ^ change;
        if (at < 12) {
          await expect(open(harmed)).rejects.toThrow(ArchiveError);
          return;
        }
        const reader = await open(harmed);
        const got = new Set<string>();
        for (const block of reader.blocks) {
          const read = await reader.block(block).catch((error: unknown) => {
            expect(error).toBeInstanceOf(ArchiveError);
          });
          for (const message of plain(read?.messages ?? [])) got.add(message);
        }
        for (const message of got) expect(whole.has(message)).toBe(true);
        const hit = blocks.find((block) => at >= block.at && at < block.at + block.bytes);
        const { problems, ticks } = await verifyArchive(reader, () => {});
        const isHit = hit?.type === BLOCK.ticks;
        expect(ticks).toBe(isHit ? TICKS - (hit.ticks![1] - hit.ticks![0] + 1) : TICKS);
        if (isHit) expect(problems.join()).toContain(`Missing are ticks ${hit.ticks![0]}–${hit.ticks![1]} `);
        else expect(got.size).toBe(whole.size);
      }),
      { numRuns: 40 },
    );
  }, 30_000);

  it('gives, cut anywhere, every block before the cut', async () => {
    const blocks = (await open(file)).blocks;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 12, max: file.length - 1 }), async (length) => {
        const intact = blocks.filter(({ at, bytes }) => at + bytes <= length);
        const { ticks, problems } = await verify(file.slice(0, length));
        expect(ticks).toBe(intact.reduce((sum, { ticks: [a, b] = [0, -1] }) => sum + b - a + 1, 0));
        expect(problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 30 },
    );
  }, 30_000);

  it('never crashes on any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (tail) => {
        const bytes = Uint8Array.from([...file.slice(0, 12), ...tail]);
        expect((await open(bytes)).blocks).toEqual([]);
        await expect(open(tail)).rejects.toThrow(ArchiveError);
      }),
    );
  });
});
