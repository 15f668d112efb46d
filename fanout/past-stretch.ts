import type { Catalogue } from '../protocol/catalogue.ts';
import { STREAM_MESSAGE } from '../protocol/tick-message.ts';
import { RaceState } from './race-state.ts';
import type { RingEntry } from './ring.ts';

/** A message as the stream stores it. */
export interface StoredMessage {
  readonly seq: number;
  readonly data: Uint8Array;
}

/** Reads a stretch of the stream, piece by piece: all of it at once would keep everybody else waiting. */
export class StretchDecoder {
  readonly #first: number;
  readonly #epoch: string;
  readonly #state: RaceState;
  /** Sequence of the first message that was given, if any was. */
  firstSeq: number | undefined;

  /** @param first Sequence at which the stretch begins. Only ticks of this epoch and catalogue are told. */
  constructor(first: number, epoch: string, catalogue: Catalogue) {
    this.#first = first;
    this.#epoch = epoch;
    this.#state = new RaceState(catalogue, Number.POSITIVE_INFINITY);
  }

  /** @param messages In order; they begin some way before the stretch, so that there is a keyframe to begin from. Copied. */
  push(messages: readonly StoredMessage[]): void {
    this.firstSeq ??= messages[0]?.seq;
    for (const { seq, data } of messages) {
      // Catalogues and logs are text, which begins like no message of ours.
      if (data[0]! <= STREAM_MESSAGE.doc) this.#state.apply(seq, data.slice());
    }
  }

  /** The last tick before the stretch, if it is known: without it the first positions in the stretch are not. */
  get #base(): RingEntry | undefined {
    return this.#state.epoch === this.#epoch ? this.#state.ring.atSeq(this.#first - 1) : undefined;
  }

  get hasBase(): boolean {
    return this.#base !== undefined;
  }

  /** In order: the last tick before the stretch, if it is known, and those that lie in it. */
  ticks(): readonly RingEntry[] {
    const begin = this.#base ?? (this.#state.epoch === this.#epoch ? this.#state.ring.oldest : undefined);
    return begin ? [begin, ...this.#state.ring.after(begin.tick)] : [];
  }
}
