import { expect } from 'vitest';
import type { Catalogue } from '../../protocol/catalogue.ts';
import type { EdgeMessage, Receipt, Watch, Welcome } from '../../protocol/control.ts';
import { applyPatch } from '../../protocol/document-patch.ts';
import { emptyState, type Field } from '../../protocol/field.ts';
import {
  applyTickFrame,
  type ClientState,
  docPayload,
  FRAME,
  FRAME_FLAG,
  readFrameHead,
} from '../../protocol/frames.ts';
import { unpack } from '../../protocol/pack.ts';

/** A tick frame as a fan saw it. */
export interface SeenTick {
  readonly tick: number;
  readonly span: number;
  readonly flags: number;
  readonly state: ClientState;
  /** The choice that the frame was in. */
  readonly watch: readonly Watch[];
}

/** What a faithful client makes of what an edge sends; knows nothing of sockets. */
export class FanReader {
  readonly #catalogueOf: (hash: string) => Catalogue;
  welcome: Welcome | undefined;
  catalogue: Catalogue | undefined;
  state: ClientState | undefined;
  document: unknown;
  /** Position: of the last tick frame, with the epoch under which it came. */
  seq = 0;
  #epoch = '';
  /** Of the last doc frame; a resume may send what came before again. */
  docSeq = 0;
  watch: readonly Watch[] = [];
  /** Everything said, in order. */
  readonly said: EdgeMessage[] = [];
  readonly ticks: SeenTick[] = [];

  constructor(catalogueOf: (hash: string) => Catalogue, watch: readonly Watch[]) {
    this.#catalogueOf = catalogueOf;
    this.watch = watch;
  }

  get receipts(): Receipt[] {
    return this.said.filter((message) => message.type === 'repair');
  }

  get position(): string {
    return `${this.#epoch}:${this.seq}`;
  }

  /** Takes what another connection of the same client has read. */
  inherit({ state, document, seq, docSeq }: FanReader): void {
    Object.assign(this, { state, document, seq, docSeq });
  }

  /** What to say on coming back, and forget what does not belong to it: only cars that are held in the view that is wanted. */
  resume(): readonly Watch[] {
    const held = new Map([...(this.state?.cars.values() ?? [])].map(({ car, viewId }) => [car, viewId]));
    const kept = this.watch.filter(({ car, view }) => held.get(car) === this.catalogue?.viewOf(view)?.id);
    this.#keepOnly(kept);
    this.watch = kept;
    return kept;
  }

  #keepOnly(watch: readonly Watch[]): void {
    if (!this.state) return;
    const chosen = new Set(watch.map(({ car }) => car));
    this.state = { ...this.state, cars: new Map([...this.state.cars].filter(([, { car }]) => chosen.has(car))) };
  }

  readText(text: string): void {
    const message = JSON.parse(text) as EdgeMessage;
    this.said.push(message);
    if (message.type === 'welcome') {
      this.welcome = message;
      this.catalogue = this.#catalogueOf(message.catalogue);
    }
    if (message.type !== 'watching') return;
    this.watch = message.watch;
    this.#keepOnly(message.watch);
  }

  /** Throws when the frame does not fit exactly: a gap, a doubled tick, a wrong digest. */
  readFrame(bytes: Uint8Array): void {
    const head = readFrameHead(bytes);
    const isSnapshot = (head.flags & FRAME_FLAG.snapshot) !== 0;
    if (head.type === FRAME.doc) {
      if (!isSnapshot && head.seq <= this.docSeq) return;
      const value = unpack(docPayload(bytes));
      this.document = isSnapshot ? value : applyPatch(this.document, value);
      this.docSeq = head.seq;
      // The edge is behind: until its snapshot is here, the ticks that are held do not belong to this document.
      if (isSnapshot && head.seq < this.seq) this.state = undefined;
      return;
    }
    expect(head.seq, 'positions never go back').toBeGreaterThanOrEqual(isSnapshot ? 0 : this.seq);
    this.seq = head.seq;
    this.#epoch = this.welcome!.epoch;
    const { state, span } = applyTickFrame(bytes, this.catalogue!, this.state);
    this.state = state;
    this.ticks.push({ tick: head.tick, span, flags: head.flags, state, watch: this.watch });
  }
}

/** What a fan with this choice must hold of a field. */
export function expectedCars(catalogue: Catalogue, field: Field, watch: readonly Watch[]): Map<string, number[]> {
  const cars = new Map<string, number[]>();
  for (const { car, view } of watch) {
    const state = field.states[field.cars.indexOf(car)];
    if (!state) continue;
    const seen = emptyState(catalogue);
    for (const index of catalogue.viewOf(view)!.channels) seen[index] = state[index]!;
    cars.set(car, [...seen]);
  }
  return cars;
}

export const carsOf = (state: ClientState): Map<string, number[]> =>
  new Map([...state.cars.values()].map(({ car, state: values }) => [car, [...values]]));

/** The choice in a query. */
export function watchOf(query: string): Watch[] {
  const watch = (new URLSearchParams(query).get('watch') ?? '').split(',').filter(Boolean);
  return watch.map((entry) => ({ car: entry.split(':')[0]!, view: entry.split(':')[1] ?? 'full' }));
}

/** A fan with a real WebSocket. */
export class TestFan {
  readonly reader: FanReader;
  readonly socket: WebSocket;
  closed: { code: number; reason: string } | undefined;
  /** The first thing that a faithful client could not accept. */
  failure: unknown;

  constructor(url: string, race: string, query: string, catalogueOf: (hash: string) => Catalogue) {
    this.reader = new FanReader(catalogueOf, watchOf(query));
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/races/${race}/live${query && `?${query}`}`);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onmessage = ({ data }) => {
      try {
        if (typeof data === 'string') this.reader.readText(data);
        else this.reader.readFrame(new Uint8Array(data as ArrayBuffer));
      } catch (error) {
        this.failure ??= error;
      }
    };
    this.socket.onclose = ({ code, reason }) => {
      this.closed = { code, reason };
    };
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }
}
