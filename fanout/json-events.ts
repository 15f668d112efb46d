import { CLOSE, type CloseReason } from '../protocol/codes.ts';
import type { Receipt, Stale } from '../protocol/control.ts';
import type { SinkWriter } from './event-sink.ts';

/** How a gap was closed, for people. `conflated`: the reader was too slow, and ticks were joined for it. */
export type JsonReceipt = Omit<Receipt, 'type' | 'bytes'> & { readonly conflated?: true };

const eventOf = (name: string, data: string, id?: string): string =>
  `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;

/** Events of a race for people, as text of a `text/event-stream`. */
export const jsonEvents = {
  /** When a browser is to come back by itself, in ms. */
  retry: (afterMs: number): string => `retry: ${Math.round(afterMs)}\n\n`,
  receipt: (receipt: JsonReceipt): string => eventOf('receipt', JSON.stringify(receipt)),
  /** @param data As JSON text. */
  snapshot: (data: string, position: string): string => eventOf('snapshot', data, position),
  /** @param data As JSON text. */
  patch: (data: string, position: string): string => eventOf('patch', data, position),
  stale: ({ type: _, ...stale }: Stale): string => eventOf('stale', JSON.stringify(stale)),
  /** Says nothing, but that the edge is there. */
  alive: (): string => ':\n\n',
} as const;

/** Writes events that are text already. */
export const PLAIN_WRITER: SinkWriter = {
  text: (event) => event,
  frame: () => {
    throw new TypeError('A stream of JSON has no frames.');
  },
  close: (reason: CloseReason) => eventOf('close', JSON.stringify({ code: CLOSE[reason], reason })),
};
