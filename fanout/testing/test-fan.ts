import { expect } from 'vitest';
import { BUNDLE, readBundle } from '../../protocol/bundle.ts';
import { type Catalogue, compileOwnView, OWN_VIEW } from '../../protocol/catalogue.ts';
import { isSameView, type View } from '../../protocol/coding-plan.ts';
import type { EdgeMessage, Receipt, Welcome, Wish } from '../../protocol/control.ts';
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
import { unpack } from '../../protocol/unpack.ts';

/** A tick frame as a fan saw it. */
export interface SeenTick {
  readonly tick: number;
  readonly span: number;
  readonly flags: number;
  readonly state: ClientState;
  /** The choice that the frame was in. */
  readonly wish: Wish;
}

/** The view by a name, in a choice; `undefined` when there is none. */
export const viewIn = (catalogue: Catalogue | undefined, name: string, { channels }: Wish): View | undefined =>
  name === OWN_VIEW.name ? catalogue && channels && compileOwnView(catalogue, channels) : catalogue?.viewOf(name);

/** What the query of an address chooses. */
export function wishOf(query: string): Wish {
  const params = new URLSearchParams(query);
  const channels = params.get('channels')?.split(',');
  const watch = (params.get('watch') ?? '').split(',').filter(Boolean);
  return {
    watch: watch.map((entry) => ({ car: entry.split(':')[0]!, view: entry.split(':')[1] ?? 'full' })),
    ...(channels && { channels }),
  };
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
  wish: Wish;
  /** Everything said, in order. */
  readonly said: EdgeMessage[] = [];
  readonly ticks: SeenTick[] = [];

  constructor(catalogueOf: (hash: string) => Catalogue, wish: Wish) {
    this.#catalogueOf = catalogueOf;
    this.wish = wish;
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
  resume(): Wish {
    const held = new Map([...(this.state?.cars.values() ?? [])].map(({ car, view }) => [car, view]));
    const kept = this.wish.watch.filter(({ car, view }) => {
      const [is, wanted] = [held.get(car), viewIn(this.catalogue, view, this.wish)];
      return is && wanted && isSameView(is, wanted);
    });
    this.wish = { ...this.wish, watch: kept };
    this.#keepOnly(this.wish);
    return this.wish;
  }

  #keepOnly({ watch }: Wish): void {
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
    const { watch, channels } = message;
    this.wish = { watch, ...(channels && { channels }) };
    this.#keepOnly(message);
  }

  /** Throws when the frame does not fit exactly: a gap, a doubled tick, a wrong digest. */
  readFrame(bytes: Uint8Array): void {
    if (bytes[0] === BUNDLE) {
      for (const frame of readBundle(bytes)) this.readFrame(frame);
      return;
    }
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
    const { state, span } = applyTickFrame(
      bytes,
      this.catalogue!,
      this.state,
      viewIn(this.catalogue, OWN_VIEW.name, this.wish),
    );
    this.state = state;
    this.ticks.push({ tick: head.tick, span, flags: head.flags, state, wish: this.wish });
  }
}

/** What a fan with this choice must hold of a field. */
export function expectedCars(catalogue: Catalogue, field: Field, wish: Wish): Map<string, number[]> {
  const cars = new Map<string, number[]>();
  for (const { car, view } of wish.watch) {
    const state = field.states[field.cars.indexOf(car)];
    if (!state) continue;
    const seen = emptyState(catalogue);
    for (const index of viewIn(catalogue, view, wish)!.channels) seen[index] = state[index]!;
    cars.set(car, [...seen]);
  }
  return cars;
}

export const carsOf = (state: ClientState): Map<string, number[]> =>
  new Map([...state.cars.values()].map(({ car, state: values }) => [car, [...values]]));

/** A fan with a real WebSocket. */
export class TestFan {
  readonly reader: FanReader;
  readonly socket: WebSocket;
  closed: { code: number; reason: string } | undefined;
  /** The first thing that a faithful client could not accept. */
  failure: unknown;

  constructor(url: string, race: string, query: string, catalogueOf: (hash: string) => Catalogue) {
    this.reader = new FanReader(catalogueOf, wishOf(query));
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
