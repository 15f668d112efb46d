import { expect } from 'vitest';
import { applyPatch } from '../../protocol/document-patch.ts';
import type { JsonReceipt } from '../json-events.ts';

/** Reads a stream of JSON as a person's program would: takes the snapshot, and applies every patch to it. */
export class JsonReader {
  readonly receipts: JsonReceipt[] = [];
  readonly stale: Record<string, unknown>[] = [];
  /** The tick after each event that has one, in order; of a document alone none. */
  readonly ticks: number[] = [];
  readonly names: string[] = [];
  /** Patches over several ticks that no receipt announced. */
  untold = 0;
  held: Record<string, unknown> | undefined;
  lastEventId = '';
  retryMs: number | undefined;
  closed: { code: number; reason: string } | undefined;
  #rest = '';

  take(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop()!;
    for (const block of blocks) this.#see(block);
  }

  #see(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => /^([a-z]*): ?(.*)$/.exec(line)?.slice(1) as [string, string]),
    );
    const [name, id, data] = [fields.get('event'), fields.get('id'), fields.get('data')];
    if (fields.has('retry')) this.retryMs = Number(fields.get('retry'));
    if (name === undefined || data === undefined) return;
    this.names.push(name);
    const value = JSON.parse(data);
    if (name === 'receipt') this.receipts.push(value);
    else if (name === 'stale') this.stale.push(value);
    else if (name === 'close') this.closed = value;
    else this.#move(name, value, id!);
  }

  #move(name: string, value: unknown, id: string): void {
    const before = this.held?.tick as number;
    this.held = (name === 'snapshot' ? value : applyPatch(this.held, value)) as Record<string, unknown>;
    expect(this.held.position).toBe(id);
    this.lastEventId = id;
    const isLeap = name === 'patch' && (this.held.tick as number) > before + 1;
    if (isLeap && this.names.at(-2) !== 'receipt') this.untold++;
    if (name === 'patch') expect(this.held.tick).toBeGreaterThanOrEqual(before);
    if (name === 'snapshot' || this.held.tick !== before) this.ticks.push(this.held.tick as number);
  }
}
