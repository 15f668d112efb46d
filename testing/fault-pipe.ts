import type { Socket } from 'node:net';

/** What is wrong with one direction of all connections; changed in place. */
export interface Wire {
  delayMs: number;
  jitterMs: number;
  bytesPerS: number;
  isStalled: boolean;
}

/** More than this is not taken from the sender before some of it has left: so it feels a wire that does not move. */
const MAX_HELD_BYTES = 64 * 1024;
/** A slow wire passes pieces of so many ms. */
const PIECE_MS = 20;

/** Carries the bytes of one direction of one connection, and its end. */
export class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #wire: Wire;
  readonly #random: () => number;
  readonly #held: { bytes: Buffer; dueAtMs: number }[] = [];
  #heldBytes = 0;
  #isDead = false;
  #hasEnded = false;
  /** A slow wire is busy until then. */
  #busyUntilMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, wire: Wire, random: () => number) {
    this.#from = from;
    this.#to = to;
    this.#wire = wire;
    this.#random = random;
    from.on('data', (bytes) => this.#take(bytes));
    from.once('end', () => {
      this.#hasEnded = true;
      this.pump();
    });
    from.once('close', () => clearTimeout(this.#timer));
    to.on('drain', () => this.pump());
  }

  #take(bytes: Buffer): void {
    const { delayMs, jitterMs } = this.#wire;
    const dueAtMs = performance.now() + delayMs + jitterMs * this.#random();
    // What came before may not be overtaken.
    this.#held.push({ bytes, dueAtMs: Math.max(dueAtMs, this.#held.at(-1)?.dueAtMs ?? 0) });
    this.#heldBytes += bytes.length;
    this.pump();
  }

  /** From now on nothing is carried, and nobody is told. */
  die(): void {
    this.#isDead = true;
    this.#from.pause();
  }

  /** Carries what may leave now, and comes back for the rest. */
  pump(): void {
    clearTimeout(this.#timer);
    if (this.#isDead || this.#to.destroyed) return;
    while (!this.#wire.isStalled && this.#held.length > 0 && !this.#to.writableNeedDrain) {
      const waitMs = Math.max(this.#held[0]!.dueAtMs, this.#busyUntilMs) - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), Math.ceil(waitMs));
        break;
      }
      this.#carry();
    }
    if (this.#held.length === 0 && this.#hasEnded) this.#to.end();
    else if (this.#wire.isStalled || this.#heldBytes > MAX_HELD_BYTES) this.#from.pause();
    else this.#from.resume();
  }

  #carry(): void {
    const { bytesPerS } = this.#wire;
    const head = this.#held[0]!;
    const most = Math.max(1, Math.floor((bytesPerS * PIECE_MS) / 1000));
    const piece = head.bytes.subarray(0, most);
    if (piece.length === head.bytes.length) this.#held.shift();
    else head.bytes = head.bytes.subarray(piece.length);
    this.#heldBytes -= piece.length;
    this.#busyUntilMs = performance.now() + (piece.length * 1000) / bytesPerS;
    this.#to.write(piece);
  }
}
