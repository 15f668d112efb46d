import type { Catalogue } from '../../protocol/catalogue.ts';
import type { Watch } from '../../protocol/control.ts';
import type { Field } from '../../protocol/field.ts';
import { encodeTickFrame, FRAME_FLAG } from '../../protocol/frames.ts';
import { fullSlice } from '../../protocol/slice.ts';
import { PROTOCOL_VERSION } from '../../protocol/tick-message.ts';

/** A tick that lies back, as an edge would have shown it then. */
export interface PastTick {
  readonly race: string;
  readonly epoch: string;
  readonly tick: number;
  readonly closeAtMs: number;
  readonly seq: number;
  readonly field: Field;
  readonly catalogue: Catalogue;
}

/**
 * A socket class for one client of the SDK that was away for long without waiting for it: its first connection is to an edge
 * of back then, in memory, which shows one tick. Every other one is a real WebSocket.
 * @returns The class, and what lets the old connection break.
 */
export function createPastSocket(past: PastTick, watch: readonly Watch[]): { Socket: typeof WebSocket; lose(): void } {
  let first: PastSocket | undefined;
  class PastSocket {
    readyState = 1;
    binaryType = '';
    onopen: (() => void) | null = null;
    onmessage: ((event: { data: unknown }) => void) | null = null;
    onclose: ((event: { code: number; reason: string }) => void) | null = null;
    onerror: (() => void) | null = null;

    constructor(url: string | URL) {
      // biome-ignore lint/correctness/noConstructorReturn: the SDK makes its sockets with `new`, whatever the class gives.
      if (first) return new WebSocket(url) as unknown as PastSocket;
      first = this;
      queueMicrotask(() => {
        this.onopen?.();
        for (const data of show(past, watch)) this.onmessage?.({ data });
      });
    }

    send(): void {}

    close(): void {}
  }
  const lose = () => {
    if (!first) throw new Error('The client has not connected yet.');
    first.readyState = 3;
    first.onclose?.({ code: 1006, reason: '' });
  };
  return { Socket: PastSocket as unknown as typeof WebSocket, lose };
}

/** What the edge of back then says: welcome, receipt, snapshot. */
function show({ race, epoch, tick, closeAtMs, seq, field, catalogue }: PastTick, watch: readonly Watch[]): unknown[] {
  const slices = watch
    .flatMap(({ car, view }) => {
      const slot = field.cars.indexOf(car);
      const state = field.states[slot];
      return state ? [{ slot, slice: fullSlice(slot, car, catalogue.viewOf(view)!, state) }] : [];
    })
    .sort((a, b) => a.slot - b.slot)
    .map(({ slice }) => slice);
  const frame = encodeTickFrame({ flags: FRAME_FLAG.snapshot | FRAME_FLAG.repair, tick, closeAtMs, seq }, 0, slices);
  const welcome = {
    type: 'welcome',
    version: PROTOCOL_VERSION,
    race,
    epoch,
    catalogue: catalogue.hash,
    tickMs: 500,
    heartbeatMs: 15_000,
    reconnectWindowMs: 0,
    edge: 'past',
  };
  const receipt = { type: 'repair', kind: 'snapshot', to: `${epoch}:${seq}`, ticks: 0, bytes: frame.length, tookMs: 0 };
  return [
    JSON.stringify(welcome),
    JSON.stringify({ ...receipt, reason: 'first' }),
    frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.byteLength),
  ];
}
