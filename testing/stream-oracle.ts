import type { NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import type { Field } from '../protocol/field.ts';
import type { Truth } from './oracle-fan.ts';
import { RaceReader, type ReadTick } from './race-check.ts';

const READ_AT_ONCE = 2000;
const READ_WITHIN_MS = 10_000;

/**
 * The truth that fans are held to, as the stream has it. NATS may be away: what fans hold of ticks that have not been
 * read waits to be judged.
 */
export class StreamOracle implements Truth {
  readonly #reader = new RaceReader();
  readonly #connection: NatsConnection;
  readonly #race: string;
  readonly #keepTicks: number;
  #nextSeq = 1;
  /** By `<epoch>:<tick>`, what waits for a tick to be read. */
  readonly #waiting = new Map<string, ((field: Field | undefined) => void)[]>();
  /** Why the stream itself is not whole; nothing is read behind it. */
  fault: string | undefined;

  /**
   * @param keepTicks How many of the newest ticks can be asked for. @defaultValue all: 40 cars of 159 channels take 25 KB
   * for each tick
   */
  constructor(connection: NatsConnection, race: string, keepTicks = Number.POSITIVE_INFINITY) {
    this.#connection = connection;
    this.#race = race;
    this.#keepTicks = keepTicks;
  }

  get catalogue(): Catalogue | undefined {
    return this.#reader.epochs.at(-1)?.catalogue;
  }

  /** The newest tick that has been read. */
  get head(): (ReadTick & { readonly epoch: string }) | undefined {
    const newest = this.#reader.epochs.at(-1);
    return newest && { epoch: newest.epoch, ...newest.ticks.at(-1)! };
  }

  /** How many ticks have been read, of all epochs. */
  ticks = 0;

  #find(epoch: string, tick: number) {
    const ticks = this.#reader.epochs.find((one) => one.epoch === epoch)?.ticks;
    return ticks?.[tick - ticks[0]!.tick];
  }

  /** A tick that has been read. */
  at(epoch: string, tick: number): ReadTick | undefined {
    return this.#find(epoch, tick);
  }

  look(epoch: string, tick: number, judge: (field: Field | undefined) => void): void {
    const found = this.#find(epoch, tick);
    if (found) {
      judge(found.field);
      return;
    }
    const key = `${epoch}:${tick}`;
    const waiting = this.#waiting.get(key) ?? [];
    waiting.push(judge);
    this.#waiting.set(key, waiting);
  }

  /** Ticks that somebody holds and that have not been read. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Reads what the stream holds now. @throws when NATS does not answer in time: try again.
   * @returns Sequence of the newest message.
   */
  async read(): Promise<number> {
    const stream = await RaceStream.open(this.#connection, this.#race);
    const range = await stream.range();
    const lastSeq = range?.lastSeq ?? 0;
    while (this.#nextSeq <= lastSeq && !this.fault) {
      const last = Math.min(lastSeq, this.#nextSeq + READ_AT_ONCE - 1);
      for (const message of await stream.read(this.#nextSeq, last, READ_WITHIN_MS)) this.#take(message);
      this.#nextSeq = last + 1;
    }
    return lastSeq;
  }

  #take(message: Parameters<RaceReader['take']>[0]): void {
    if (this.fault) return;
    try {
      this.#reader.take(message);
    } catch (error) {
      this.fault = (error as Error).message;
      return;
    }
    const { head } = this;
    if (!head || head.seq !== message.seq) return;
    this.ticks++;
    const { ticks } = this.#reader.epochs.at(-1)!;
    if (ticks.length > 2 * this.#keepTicks) ticks.splice(0, ticks.length - this.#keepTicks);
    const key = `${head.epoch}:${head.tick}`;
    const { field } = this.#find(head.epoch, head.tick)!;
    for (const judge of this.#waiting.get(key) ?? []) judge(field);
    this.#waiting.delete(key);
  }

  /** Nothing more will be read: whoever waits for a tick that the stream does not hold is told so. */
  finish(): void {
    for (const judges of this.#waiting.values()) for (const judge of judges) judge(undefined);
    this.#waiting.clear();
  }
}
