const [OPEN, CLOSE, QUOTE, BACKSLASH, NEWLINE] = [...'{}"\\\n'].map((char) => char.charCodeAt(0)) as [
  number,
  number,
  number,
  number,
  number,
];
/** What may stand before an object inside another one. */
const BEFORE_OBJECT = new Set([...':,['].map((char) => char.charCodeAt(0)));

/** Where something between the objects is no list and no white space. */
const BETWEEN = new Set([...'[], \t\r\n\ufeff'].flatMap((char) => [...Buffer.from(char)]));

export interface FoundObject {
  /** Text of a whole object, or `undefined` for one that is cut off or too long. */
  readonly text: string | undefined;
}

/**
 * Finds the JSON objects in a text that is made of them: one, a list, one per line, one after another. Whatever stands
 * between them is left out: marks, names of sources. An object that is cut off costs those behind it nothing as long as
 * they begin on a line of their own. Bytes come in pieces; not more than one object is held.
 */
export class JsonObjects {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Last byte of the object that is no white space. */
  #before = 0;
  #isLineStart = true;
  #isTooLong = false;
  /** Bytes between objects that say something. */
  strayBytes = 0;

  /** @param maxBytes Longer objects are given up. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes the next bytes; they are copied where they are kept. @returns The objects that end in them. */
  push(bytes: Buffer): FoundObject[] {
    const found: FoundObject[] = [];
    let start = this.#depth > 0 ? 0 : -1;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (this.#depth > 0 && this.#breaksOff(byte)) {
        this.#keep(bytes.subarray(start, at));
        found.push(this.#end(false));
        start = -1;
      }
      if (this.#depth === 0) {
        if (byte === OPEN) {
          this.#depth = 1;
          this.#before = byte;
          start = at;
        } else if (!BETWEEN.has(byte)) this.strayBytes++;
      } else if (this.#step(byte)) {
        this.#keep(bytes.subarray(start, at + 1));
        found.push(this.#end(true));
        start = -1;
      }
      this.#isLineStart = byte === NEWLINE;
    }
    if (start >= 0) this.#keep(bytes.subarray(start));
    return found;
  }

  /** The end of the text. @returns The object that it cuts off, if any. */
  finish(): FoundObject[] {
    return this.#depth > 0 ? [this.#end(false)] : [];
  }

  /** A line cannot end inside a string, and an object cannot begin where no value may stand. */
  #breaksOff(byte: number): boolean {
    if (this.#isInString) return byte === NEWLINE;
    return this.#isLineStart && byte === OPEN && !BEFORE_OBJECT.has(this.#before);
  }

  /** @returns whether the object ends with this byte. */
  #step(byte: number): boolean {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#isInString = false;
    } else if (byte === QUOTE) this.#isInString = true;
    else if (byte === OPEN) this.#depth++;
    else if (byte === CLOSE) this.#depth--;
    if (byte > 32) this.#before = byte;
    return this.#depth === 0;
  }

  #keep(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes > this.#maxBytes) {
      this.#isTooLong = true;
      this.#pieces = [];
    } else if (bytes.length > 0 && !this.#isTooLong) this.#pieces.push(Buffer.from(bytes));
  }

  #end(isWhole: boolean): FoundObject {
    const text = isWhole && !this.#isTooLong ? Buffer.concat(this.#pieces).toString('utf8') : undefined;
    this.#pieces = [];
    this.#bytes = 0;
    this.#depth = 0;
    this.#isInString = false;
    this.#isEscaped = false;
    this.#isTooLong = false;
    return { text };
  }
}
