import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MAX_CHANNELS, MAX_SPAN_STEPS, MAX_STEPS, MAX_VIEWS } from './catalogue.ts';
import { CLOSE, ERROR_CODES, isRetryable } from './codes.ts';
import { MAX_CONTROL_BYTES } from './control.ts';
import { MAX_PATCH_OPERATIONS } from './document-patch.ts';
import { MAX_CARS } from './field.ts';
import { encodeDocFrame, encodeTickFrame, FRAME, FRAME_FLAG, FRAME_HEAD_BYTES } from './frames.ts';
import { SLICE } from './slice.ts';
import { PROTOCOL_VERSION, STREAM_HEAD_BYTES, STREAM_MESSAGE } from './tick-message.ts';

/** With runs of blanks as one, as tables are filled up. */
const SPEC = readFileSync(join(import.meta.dirname, 'PROTOCOL.md'), 'utf8').replace(/ +/g, ' ');

/** The rows of the table with this header in PROTOCOL.md, as cells without backquotes. */
function tableOf(...header: string[]): string[][] {
  const lines = SPEC.split('\n');
  const cells = (line: string) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', ''));
  const start = lines.findIndex((line) => line.startsWith('|') && header.every((name, i) => cells(line)[i] === name));
  expect(start, `the table ${header.join(' | ')}`).toBeGreaterThan(0);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map(cells);
}

/** Name to number, as the table says. */
const numbersOf = (name: number, number: number, ...header: string[]): Record<string, number> =>
  Object.fromEntries(tableOf(...header).map((row) => [row[name]!, Number(row[number])]));

describe('the specification says what the code does', () => {
  it('close codes', () => {
    expect(numbersOf(1, 0, 'close code', 'name')).toEqual(CLOSE);
  });

  it('error codes', () => {
    expect(tableOf('error code').map(([code]) => code)).toEqual([...ERROR_CODES]);
  });

  it('codes of the decoders', () => {
    const sources = readdirSync(import.meta.dirname).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
    );
    const thrown = sources.flatMap((name) => {
      const text = readFileSync(join(import.meta.dirname, name), 'utf8');
      return [...text.matchAll(/new ProtocolError\(\s*'([a-z_]+)'/g)].map((match) => match[1]!);
    });
    expect(new Set(tableOf('decoder code').map(([code]) => code))).toEqual(new Set(thrown));
  });

  it('kinds of slices, flags of frames', () => {
    expect(numbersOf(1, 0, 'kind', 'name', 'payload')).toEqual(SLICE);
    expect(numbersOf(1, 0, 'flag', 'name', 'meaning')).toEqual(FRAME_FLAG);
  });

  it('types of messages and frames', () => {
    const [first] = tableOf('offset', 'bytes', 'what');
    const { tick, keyframe, doc } = STREAM_MESSAGE;
    expect(first![2]).toBe(`type: ${tick} tick, ${keyframe} keyframe, ${doc} doc`);
    const [hexTick, hexDoc] = [FRAME.tick, FRAME.doc].map((type) => `0x${type.toString(16)}`);
    expect(SPEC).toContain(`type: ${hexTick} tick, ${hexDoc} doc |`);
    expect(SPEC).toContain(`| 1 | \`u8\` | version, ${PROTOCOL_VERSION} |`);
    expect(SPEC).toContain(`| ${STREAM_HEAD_BYTES} | \`u32\` | digest |`);
    expect(SPEC).toContain(`\`varint\` span at offset ${FRAME_HEAD_BYTES}`);
    expect(encodeTickFrame({ flags: 0, tick: 0, closeAtMs: 0, seq: 0 }, 1, []).length).toBe(FRAME_HEAD_BYTES + 1);
    expect(encodeDocFrame({ flags: 0, tick: 0, closeAtMs: 0, seq: 0 }, new Uint8Array()).length).toBe(FRAME_HEAD_BYTES);
  });

  it.each([
    `slot | number of a car within an epoch, 0–${MAX_CARS - 1},`,
    `1 to ${MAX_CHANNELS} channels`,
    `may be missing; at most ${MAX_VIEWS - 1} |`,
    `≤ 2^${Math.log2(MAX_STEPS)} × resolution; max − min ≤ 2^${Math.log2(MAX_SPAN_STEPS)} × resolution`,
    `at most ${MAX_CONTROL_BYTES.toLocaleString('en')} bytes each`,
    `at most ${MAX_PATCH_OPERATIONS.toLocaleString('en')} operations`,
  ])('the limit "%s"', (sentence) => {
    expect(SPEC).toContain(sentence);
  });
});

it('codes from 4500 to 4999 do not come back, all others do', () => {
  for (const code of [1000, 1006, 1015, 4000, 4499, 5000]) expect(isRetryable(code), `${code}`).toBe(true);
  for (const code of [4500, 4999]) expect(isRetryable(code), `${code}`).toBe(false);
  expect([CLOSE.going_away, CLOSE.timeout, CLOSE.not_ready].every(isRetryable)).toBe(true);
});

it('every invariant names tests that exist, and ids ascend, each given once', () => {
  const rows = tableOf('id', 'what holds', 'held by');
  const ids = rows.map(([id]) => Number(/^P([1-9]\d*)$/.exec(id!)?.[1]));
  expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
  for (const [id, , heldBy] of rows) {
    const files = [...heldBy!.matchAll(/[\w./-]+\.test\.ts/g)].map(([name]) => name);
    expect(files.length, id).toBeGreaterThan(0);
    for (const name of files) expect(existsSync(join(import.meta.dirname, name)), `${id}: ${name}`).toBe(true);
    for (const [, name, title] of heldBy!.matchAll(/([\w./-]+\.test\.ts): "([^"]+)"/g)) {
      expect(readFileSync(join(import.meta.dirname, name!), 'utf8'), `${id}: ${name}`).toContain(`'${title}'`);
    }
  }
});
