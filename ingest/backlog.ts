import { BrokerError } from '../protocol/errors.ts';
import type { Outgoing } from './outgoing.ts';
import { type Spool, SpoolError, type SpoolIdentity, type SpoolLeft } from './spool.ts';

export interface BacklogOptions {
  /** Messages that may wait in memory alone. */
  readonly maxInMemory: number;
  /** Where messages wait that NATS does not take. @defaultValue memory */
  readonly spool?: Spool;
  /** Whose messages these are; needed with a spool. */
  readonly identity?: SpoolIdentity;
  /** Called when the spool cannot be used, until everything is in the stream: what comes now waits in memory. */
  readonly onSpoolProblem?: (error: SpoolError) => void;
}

/** Those that are done are taken off in so many at once. */
const FORGET_EVERY = 1000;

/**
 * The messages that wait for NATS, in order.
 *
 * While all is well they pass through memory. After {@link spill} they are on disk, and memory holds the first of them
 * only, about as many as a file of the spool. When the disk refuses, what comes afterwards waits in memory behind those on disk.
 */
export class Backlog {
  readonly #options: BacklogOptions;
  /** The first that wait; those before `#at` are done. */
  #window: Outgoing[] = [];
  #at = 0;
  #windowBytes = 0;
  /** How many wait on disk alone, behind the window. */
  #onDisk = 0;
  /** Those behind them, since the disk has refused. */
  #tail: Outgoing[] = [];
  /** Number of the first one in the spool. */
  #number = 0;
  #isSpilled = false;
  #isRefused = false;
  #bytes = 0;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#inMemory + this.#onDisk;
  }

  /** Bytes of what waits. After {@link adopt}, those of its files. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many would be lost with this process. */
  get unspooled(): number {
    return this.#isSpilled ? Math.max(0, this.length - Math.max(0, this.#spool!.end - this.#number)) : this.length;
  }

  get #inMemory(): number {
    return this.#window.length - this.#at + this.#tail.length;
  }

  get #spool(): Spool | undefined {
    return this.#options.spool;
  }

  /** The one that is next. */
  get head(): Outgoing | undefined {
    return this.#window[this.#at];
  }

  /** Takes what an earlier process has left, from the message with a number on. @throws {SpoolError} as {@link Spool.read}. */
  adopt(left: SpoolLeft, from: number): void {
    this.#isSpilled = true;
    this.#number = from;
    this.#onDisk = left.end - from;
    this.#bytes = this.#spool!.bytes;
    this.#refill();
  }

  /** What was adopted is in the stream already, up to the message with a number. @throws {SpoolError} as {@link Spool.read}. */
  skipTo(number: number, lastSeqs: ReadonlyMap<string, number>): void {
    const done = number - this.#number;
    if (done === 0) return;
    const inWindow = Math.min(done, this.#window.length - this.#at);
    this.#window = this.#window.slice(this.#at + inWindow);
    this.#at = 0;
    this.#onDisk -= done - inWindow;
    this.#number = number;
    // In one step: what is settled and the sequences that it led to belong together.
    this.#settle(lastSeqs);
    if (this.#window.length === 0) this.#refill();
    else this.#windowBytes = sizeOf(this.#window);
  }

  /**
   * Adds messages at the end.
   * @param lastSeqs Newest sequences of the subjects, as for {@link spill}.
   * @throws {BrokerError} `spool_full`. @throws {SpoolError} `spool_full`.
   */
  push(messages: readonly Outgoing[], lastSeqs: ReadonlyMap<string, number>): void {
    const { maxInMemory } = this.#options;
    const hasRoom = () => this.#inMemory + messages.length <= maxInMemory;
    if (!this.#isSpilled && !hasRoom()) this.spill(lastSeqs);
    const isForDisk = this.#isSpilled && !this.#isRefused;
    if (!isForDisk && !hasRoom()) {
      throw new BrokerError('spool_full', `${this.length} messages wait in memory, the limit is ${maxInMemory}`);
    }
    for (const message of messages) {
      this.#bytes += message.data.length;
      if (this.#isSpilled && !this.#isRefused) this.#pushToDisk(message);
      else if (this.#onDisk > 0 || this.#tail.length > 0) this.#tail.push(withoutBase(message));
      else this.#pushToWindow(this.#spool && !this.#isRefused ? message : withoutBase(message));
    }
  }

  #pushToDisk(message: Outgoing): void {
    if (!this.#append(message)) this.#tail.push(withoutBase(message));
    else if (this.#onDisk === 0 && this.#windowBytes < this.#spool!.segmentBytes)
      this.#pushToWindow(withoutBase(message));
    else this.#onDisk++;
  }

  #pushToWindow(message: Outgoing): void {
    this.#window.push(message);
    this.#windowBytes += message.data.length;
  }

  /** @returns whether the disk has it. @throws {SpoolError} `spool_full`. */
  #append(message: Outgoing): boolean {
    try {
      this.#spool!.append(message);
      return true;
    } catch (error) {
      if (!(error instanceof SpoolError) || error.code === 'spool_full') throw error;
      this.#refuse(error);
      return false;
    }
  }

  #refuse(error: SpoolError): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.#options.onSpoolProblem?.(error);
  }

  /**
   * From now on what waits is on disk, until nothing waits. Does nothing without a spool.
   * @param lastSeqs Newest sequence of each subject before the first message that waits.
   * @throws {SpoolError} `spool_full`.
   */
  spill(lastSeqs: ReadonlyMap<string, number>): void {
    const { identity } = this.#options;
    if (!this.#spool || !identity || this.#isSpilled || this.#isRefused || this.length === 0) return;
    this.#isSpilled = true;
    this.#number = 0;
    this.#spool.begin(identity, new Map(lastSeqs));
    this.#window = this.#window.slice(this.#at);
    this.#at = 0;
    this.#windowBytes = sizeOf(this.#window);
    for (const [index, message] of this.#window.entries()) {
      if (!this.#append(message)) break;
      this.#window[index] = withoutBase(message);
    }
  }

  /**
   * The first one is in the stream.
   * @param lastSeqs Newest sequences of the subjects, that of this message included.
   * @throws {SpoolError} `spool_damaged`, `spool_disk`: the next ones cannot be read back.
   */
  shift(lastSeqs: ReadonlyMap<string, number>): void {
    this.#bytes -= this.head!.data.length;
    this.#windowBytes -= this.head!.data.length;
    this.#at++;
    this.#number++;
    if (this.#isSpilled) this.#settle(lastSeqs);
    if (this.#at === this.#window.length) this.#refill();
    else if (this.#at >= FORGET_EVERY) this.#window = this.#window.slice(this.#at);
    else return;
    this.#at = 0;
  }

  #settle(lastSeqs: ReadonlyMap<string, number>): void {
    try {
      this.#spool!.settle({ upTo: this.#number, lastSeqs: new Map(lastSeqs) });
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
      // Files that are still there are recognised in the stream.
      this.#refuse(error);
    }
  }

  #refill(): void {
    if (this.#onDisk > 0) {
      this.#window = this.#spool!.read(this.#number);
      this.#onDisk -= this.#window.length;
    } else {
      this.#window = this.#tail;
      this.#tail = [];
    }
    this.#windowBytes = sizeOf(this.#window);
    if (this.#window.length > 0) return;
    this.#bytes = 0;
    this.#isSpilled = false;
    this.#isRefused = false;
    this.#giveBack();
  }

  #giveBack(): void {
    try {
      this.#spool?.close();
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
      this.#options.onSpoolProblem?.(error);
    }
  }

  /** Forgets what waits in memory; what is on disk stays there. */
  close(): void {
    this.#window = [];
    this.#tail = [];
    this.#at = 0;
    this.#onDisk = 0;
    this.#bytes = 0;
    this.#giveBack();
  }
}

const sizeOf = (messages: readonly Outgoing[]): number => messages.reduce((sum, { data }) => sum + data.length, 0);

const withoutBase = ({ subject, data, id }: Outgoing): Outgoing => ({ subject, data, id });
