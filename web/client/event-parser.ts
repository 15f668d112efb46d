import { ProtocolError } from '../../protocol/errors.ts';

/** One event of a `text/event-stream`. */
export interface StreamEvent {
  /** Empty when the event has no name. */
  readonly name: string;
  readonly data: string;
}

/** An event with a whole document and many cars has some hundred kB. */
const MAX_EVENT_CHARS = 16 * 1024 * 1024;
const LINE_END = /\r\n|\n|\r/g;

/**
 * Reads a `text/event-stream` (HTML Living Standard, "Server-sent events") piece by piece. Ids and times to come back are
 * left out: the messages say the same. Holds no more than one event.
 */
export class EventParser {
  /** The line that has not ended yet, in the pieces in which it came. */
  #line: string[] = [];
  #name = '';
  #data: string[] = [];
  #chars = 0;
  #isFirst = true;
  #endsInReturn = false;

  /** @returns the events that are complete. @throws {ProtocolError} `too_large`; nothing more can be read then. */
  push(text: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    let at = this.#begin(text);
    for (const { 0: end, index } of text.matchAll(LINE_END)) {
      // The second half of a line end whose first half was counted already.
      if (index < at) continue;
      this.#take(text.slice(at, index));
      at = index + end.length;
      const event = this.#endLine();
      if (event) events.push(event);
    }
    this.#take(text.slice(at));
    this.#endsInReturn = text === '' ? this.#endsInReturn : text.endsWith('\r');
    return events;
  }

  /** @returns where the text begins, behind what belongs to the piece before. */
  #begin(text: string): number {
    if (text === '') return 0;
    const hasMark = this.#isFirst && text.startsWith('\uFEFF');
    const isHalf = this.#endsInReturn && text.startsWith('\n');
    this.#isFirst = false;
    return hasMark || isHalf ? 1 : 0;
  }

  #take(part: string): void {
    if (part === '') return;
    this.#chars += part.length;
    if (this.#chars > MAX_EVENT_CHARS) {
      const limit = `An event may have ${MAX_EVENT_CHARS} characters`;
      throw new ProtocolError('too_large', `${limit}, but one of ${this.#chars} or more came.`);
    }
    this.#line.push(part);
  }

  #endLine(): StreamEvent | undefined {
    const line = this.#line.join('');
    this.#line = [];
    if (line === '') return this.#endEvent();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#data.push(value);
    else {
      // What is not kept does not count.
      this.#chars -= line.length;
      if (field !== 'event') return undefined;
      this.#name = value;
      this.#chars += value.length;
    }
    return undefined;
  }

  #endEvent(): StreamEvent | undefined {
    const event = { name: this.#name, data: this.#data.join('\n') };
    const isEmpty = this.#data.length === 0;
    this.#name = '';
    this.#data = [];
    this.#chars = 0;
    return isEmpty ? undefined : event;
  }
}
