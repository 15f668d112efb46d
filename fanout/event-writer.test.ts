import { describe, expect, it } from 'vitest';
import { BundleWriter } from '../protocol/bundle.ts';
import { encodeDocFrame, encodeTickFrame, FRAME_FLAG } from '../protocol/frames.ts';
import { EventWriter } from './event-writer.ts';

const EPOCH = '0123456789abcdef';
const WELCOME = JSON.stringify({ type: 'welcome', epoch: EPOCH, reconnectWindowMs: 10_000 });
const at = (seq: number, flags = 0) => ({ tick: 7, closeAtMs: 1, seq, flags });

function greeted(random = 0.5): EventWriter {
  const writer = new EventWriter(random);
  writer.text(WELCOME);
  return writer;
}

describe('a stream of events', () => {
  it('has control messages as they are, under no name', () => {
    const text = JSON.stringify({ type: 'error', code: 'bad_watch', message: 'two\nlines' });
    expect(greeted().text(text)).toBe(`data: ${text}\n\n`);
  });

  it('has frames in base64, and the position as the id of those that move it', () => {
    const tick = encodeTickFrame(at(4711), 1, []);
    const base64 = Buffer.from(tick).toString('base64');
    expect(greeted().frame(tick)).toBe(`event: frame\nid: ${EPOCH}:4711\ndata: ${base64}\n\n`);
    // A frame may be a part of something larger.
    const inside = new Uint8Array([9, ...tick, 9]).subarray(1, -1);
    expect(greeted().frame(inside)).toBe(`event: frame\nid: ${EPOCH}:4711\ndata: ${base64}\n\n`);
    const doc = encodeDocFrame(at(4712), new Uint8Array([0x90]));
    expect(greeted().frame(doc)).toBe(`event: frame\ndata: ${Buffer.from(doc).toString('base64')}\n\n`);
  });

  it('has the position after all its frames as the id of a bundle', () => {
    const bundle = new BundleWriter();
    bundle.start();
    for (const seq of [5, 7, 8]) bundle.add(encodeTickFrame(at(seq), 1, []));
    expect(greeted().frame(bundle.finish())).toContain(`\nid: ${EPOCH}:8\n`);
  });

  it('voids the position with the whole document of a repair, which may be older than it', () => {
    const whole = FRAME_FLAG.snapshot | FRAME_FLAG.repair;
    expect(greeted().frame(encodeDocFrame(at(3, whole), new Uint8Array([0x80])))).toContain('\nid: void\n');
    expect(greeted().frame(encodeDocFrame(at(3, FRAME_FLAG.snapshot), new Uint8Array([0x80])))).not.toContain('id:');
  });

  it('tells browsers when to come back: spread over the window, or at the moment of their bye', () => {
    expect(new EventWriter(0.25).text(WELCOME)).toMatch(/^retry: 2500\n/);
    expect(new EventWriter(0).text(WELCOME)).toMatch(/^retry: 250\n/);
    const bye = JSON.stringify({ type: 'bye', reason: 'going_away', reconnectInMs: 61_000 });
    expect(greeted().text(bye)).toBe(`retry: 61000\ndata: ${bye}\n\n`);
  });

  it('ends with the close code', () => {
    expect(greeted().close('timeout')).toBe('event: close\ndata: {"code":4001,"reason":"timeout"}\n\n');
  });
});
