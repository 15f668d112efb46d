import { type Catalogue, compileOwnView, keysOf, OWN_VIEW } from '../../protocol/catalogue.ts';
import { isSameView, type View } from '../../protocol/coding-plan.ts';
import type { Watch, Wish } from '../../protocol/control.ts';
import type { RaceDocument } from '../../protocol/document.ts';
import { applyPatch } from '../../protocol/document-patch.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import {
  applyTickFrame,
  type ClientState,
  docPayload,
  FRAME_FLAG,
  readFrameHead,
  type WatchedCar,
} from '../../protocol/frames.ts';
import type { Position } from '../../protocol/position.ts';
import { unpack } from '../../protocol/unpack.ts';
import { describeTick, type TickEvent } from './tick-event.ts';

/** What a client can truthfully say it holds when it comes back. */
export interface Holding {
  readonly since: Position;
  /** The cars, views and channels that the held states are in. */
  readonly wish: Wish;
}

/**
 * The client's copy of what it watches of one race. Does no I/O.
 *
 * After an error, another epoch or another catalogue the copy is not whole: what was known stays readable, but
 * nothing is added to it and it is no ground to resume from, until a snapshot replaces it.
 */
export class Replica {
  #catalogue: Catalogue | undefined;
  #state: ClientState | undefined;
  #epoch: string | undefined;
  /** Epoch of the connection; becomes the epoch of the copy together with the first snapshot, never alone. */
  #nextEpoch: string | undefined;
  #nextCatalogue: Catalogue | undefined;
  /** The view `own` of the connection: what slices in it mean. Cars may still be held in another list. */
  #own: View | undefined;
  #document: RaceDocument | undefined;
  #documentSeq = 0;
  #areTicksWhole = false;
  #isDocumentWhole = false;

  get catalogue(): Catalogue | undefined {
    return this.#catalogue;
  }

  get document(): RaceDocument | undefined {
    return this.#document;
  }

  /** The newest tick, `undefined` before the first one. */
  get at(): ClientState | undefined {
    return this.#state;
  }

  /** Position of the newest tick: the epoch and the sequence that belong together. */
  get position(): Position | undefined {
    return this.#state && this.#epoch ? { epoch: this.#epoch, seq: this.#state.seq } : undefined;
  }

  /**
   * A connection begins: what follows is in this epoch and this catalogue.
   * @param channels The list of the view `own` that the edge holds.
   * @throws {ProtocolError} `bad_watch`.
   */
  begin(epoch: string, catalogue: Catalogue, channels: Wish['channels']): void {
    this.#nextEpoch = epoch;
    this.#nextCatalogue = catalogue;
    this.#list(channels);
    if (epoch !== this.#epoch || catalogue.hash !== this.#catalogue?.hash) this.distrust();
  }

  /** Nothing is added to what is held until snapshots of the ticks and of the document have come. */
  distrust(): void {
    this.#areTicksWhole = false;
    this.#isDocumentWhole = false;
  }

  /** What to resume from, `undefined` when only a snapshot can help. */
  holding(needsDocument: boolean): Holding | undefined {
    const { position } = this;
    if (!position || !this.#areTicksWhole || (needsDocument && !this.#isDocumentWhole)) return undefined;
    const cars = [...this.#state!.cars.values()];
    const watch = cars.map(({ car, view }) => ({ car, view: view.name }));
    // All cars that are held in `own` are in one list: a new one replaces their states in one frame.
    const own = cars.find(({ view }) => view.id === OWN_VIEW.id)?.view;
    return { since: position, wish: own ? { watch, channels: keysOf(this.#catalogue!, own) } : { watch } };
  }

  #list(channels: Wish['channels']): void {
    this.#own = channels && compileOwnView(this.#nextCatalogue!, channels);
    if (channels && !this.#own)
      throw new ProtocolError('bad_watch', 'The edge lists channels that its catalogue does not have.');
  }

  /** Whether the car is here in the view in which it is wanted. */
  isHeld({ car, view }: Watch): boolean {
    const held = this.find(car);
    if (held?.view.id !== OWN_VIEW.id) return held?.view.name === view;
    return view === OWN_VIEW.name && this.#own !== undefined && isSameView(held.view, this.#own);
  }

  find(car: string): WatchedCar | undefined {
    for (const watched of this.#state?.cars.values() ?? []) if (watched.car === car) return watched;
    return undefined;
  }

  /**
   * The edge took another choice. Cars that it no longer sends are forgotten: what was held of them would go stale
   * unnoticed. Cars whose view changes are kept: their new state comes whole with the next frame.
   * @throws {ProtocolError} `bad_watch`.
   */
  choose({ watch, channels }: Wish): void {
    this.#list(channels);
    if (!this.#state) return;
    const chosen = new Set(watch.map(({ car }) => car));
    const cars = new Map([...this.#state.cars].filter(([, { car }]) => chosen.has(car)));
    if (cars.size < this.#state.cars.size) this.#state = { ...this.#state, cars };
  }

  /**
   * Applies a tick frame.
   * @returns `undefined` when a snapshot is awaited and this is none.
   * @throws {ProtocolError} what is held is no longer whole then.
   */
  applyTick(bytes: Uint8Array): TickEvent | undefined {
    try {
      const isSnapshot = (readFrameHead(bytes).flags & FRAME_FLAG.snapshot) !== 0;
      if (!isSnapshot && !this.#areTicksWhole) return undefined;
      const before = this.#state;
      const catalogue = isSnapshot ? this.#nextCatalogue : this.#catalogue;
      if (!catalogue) throw new ProtocolError('not_greeted', 'A tick frame came before the welcome.');
      const applied = applyTickFrame(bytes, catalogue, before, this.#own);
      const comparable = catalogue.hash === this.#catalogue?.hash ? before : undefined;
      this.#state = applied.state;
      if (isSnapshot) this.#adopt(catalogue);
      return describeTick(catalogue, applied, comparable);
    } catch (error) {
      this.distrust();
      throw error;
    }
  }

  #adopt(catalogue: Catalogue): void {
    this.#epoch = this.#nextEpoch;
    this.#catalogue = catalogue;
    this.#areTicksWhole = true;
  }

  /**
   * Applies a doc frame.
   * @returns Whether the document changed: a patch that a resume sends again is left out.
   * @throws {ProtocolError} the document is no longer whole then.
   */
  applyDocument(bytes: Uint8Array): boolean {
    const { flags, seq } = readFrameHead(bytes);
    const isWhole = (flags & FRAME_FLAG.snapshot) !== 0;
    if (!isWhole && (!this.#isDocumentWhole || seq <= this.#documentSeq)) return false;
    try {
      const value = unpack(docPayload(bytes));
      if (isWhole) {
        if (typeof value !== 'object' || value === null || Array.isArray(value)) {
          throw new ProtocolError('bad_document', 'The document must be an object.');
        }
        this.#document = value as RaceDocument;
        // The edge is behind: until its snapshot is here, the ticks that are held do not belong to this document.
        if (this.#state && seq < this.#state.seq) this.#areTicksWhole = false;
      } else {
        this.#document = applyPatch(this.#document!, value) as RaceDocument;
      }
    } catch (error) {
      this.distrust();
      throw error;
    }
    this.#documentSeq = seq;
    this.#isDocumentWhole = true;
    return true;
  }
}
