import type { RaceDocument } from '../protocol/document.ts';
import type { Field } from '../protocol/field.ts';
import type { Publisher } from './publisher.ts';
import {
  encodePreamble,
  encodeTickMessage,
  encodeTrailers,
  type RacePoint,
  type RunIdentity,
} from './race-publisher.ts';

/** The document and the keyframe of a tick can wait until edges have sent the tick itself; in real ms. */
const TRAIL_AFTER_MS = 50;

interface WriterEvents {
  /** Asks for the document of a tick. */
  advance(field: Field, closeAtMs: number): RaceDocument;
  /** What follows a tick could not be made. */
  onFailure(error: Error): void;
}

/** Makes the messages of a race from where it stands, tick by tick, and hands them to a publisher. */
export class TickWriter {
  readonly #identity: RunIdentity;
  readonly #publisher: Pick<Publisher, 'send'>;
  readonly #events: WriterEvents;
  #point: RacePoint;
  #isFirst = true;
  /** Makes the messages of the newest tick that are still to be made. */
  #trail: (() => void) | undefined;

  constructor(identity: RunIdentity, point: RacePoint, publisher: Pick<Publisher, 'send'>, events: WriterEvents) {
    this.#identity = identity;
    this.#point = point;
    this.#publisher = publisher;
    this.#events = events;
  }

  get epoch(): string {
    return this.#identity.epoch;
  }

  /** Where the race stands after the newest tick of which everything is made. */
  get point(): RacePoint {
    return this.#point;
  }

  /**
   * The tick leaves first; what follows it in the stream is worked out when it is with the fans.
   * @param closeAtMs Unix ms, whole. @returns the number of the tick.
   */
  write(field: Field, closeAtMs: number): number {
    this.finish();
    const before = this.#point;
    const message = encodeTickMessage(this.#identity, before, field, closeAtMs);
    this.#publisher.send(...encodePreamble(this.#identity, before), message);
    const trail = () => {
      this.#trail = undefined;
      const next = { field, document: this.#events.advance(field, closeAtMs), closeAtMs };
      const { messages, point } = encodeTrailers(this.#identity, before, next, this.#isFirst);
      this.#isFirst = false;
      this.#point = point;
      this.#publisher.send(...messages);
    };
    this.#trail = trail;
    setTimeout(() => {
      if (this.#trail !== trail) return;
      try {
        trail();
      } catch (error) {
        this.#events.onFailure(error as Error);
      }
    }, TRAIL_AFTER_MS);
    return before.tick + 1;
  }

  /** What follows the newest tick is made now. */
  finish(): void {
    this.#trail?.();
  }

  /** What follows the newest tick is not made any more. */
  drop(): void {
    this.#trail = undefined;
  }
}
