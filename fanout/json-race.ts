import type { Catalogue } from '../protocol/catalogue.ts';
import type { View } from '../protocol/coding-plan.ts';
import { diffDocuments, type PatchOperation } from '../protocol/document-patch.ts';
import type { Field } from '../protocol/field.ts';
import { formatPosition } from '../protocol/position.ts';
import { dequantise } from '../protocol/quantise.ts';
import { decodeKeyframe } from '../protocol/tick-message.ts';
import { unpack } from '../protocol/unpack.ts';
import { type Choice, slotOf } from './choice.ts';
import type { RaceState } from './race-state.ts';
import type { RingEntry } from './ring.ts';

/** A car that is shown, and in which view. */
export interface ShownCar {
  readonly slot: number;
  readonly view: View;
}

/** Which cars of a field are shown. Of a slot that is shown once, the view must stay the same. */
export type Shown = (field: Field) => readonly ShownCar[];

/** Readings in the units of the catalogue, by channel key; null where there is none. */
export function readValues(catalogue: Catalogue, view: View, state: Int32Array): Record<string, number | null> {
  const values: Record<string, number | null> = {};
  for (const index of view.channels) {
    const channel = catalogue.channels[index]!;
    values[channel.key] = dequantise(channel, state[index]!);
  }
  return values;
}

/** A race for people: readings by name and in units, and changes of it as JSON Patches (RFC 6902). */
export class JsonRace {
  readonly #race: string;
  readonly #state: RaceState;
  readonly epoch: string;

  constructor(race: string, state: RaceState) {
    this.#race = race;
    this.#state = state;
    this.epoch = state.epoch;
  }

  /** Everything, at the newest position. @param hasDoc Whether the document is wanted. */
  snapshot(shown: Shown, hasDoc = true): Record<string, unknown> {
    const { catalogue, document, epoch, seq } = this.#state;
    const head = this.#state.head!;
    const cars: Record<string, unknown> = {};
    for (const { slot, view } of shown(head.field)) Object.assign(cars, this.#carIn(head, slot, view));
    return {
      race: this.#race,
      ...this.#whenOf(head, seq),
      ...{ epoch, catalogue: catalogue.hash, ...(hasDoc && { document }), cars },
    };
  }

  /**
   * What leads from one position to another, as JSON text.
   * @param entries Tick by tick from the one that the reader has to the one it gets, which may be the same.
   * @param fromSeq Position of the reader. @param toSeq Its position afterwards: that of the last tick, or of a change of
   *   the document behind it.
   * @param cars The changes of the cars, if they are known: {@link changesOfCars} from the first entry to the last.
   */
  patch(entries: readonly RingEntry[], fromSeq: number, toSeq: number, cars: string, hasDoc = true): string {
    const when = this.#passTo(entries[0]!, fromSeq, entries.at(-1)!, toSeq);
    return listOf([...when, ...(hasDoc ? this.#changesOfDocument(entries, fromSeq, toSeq) : [])], cars);
  }

  /** What leads to the newest position from one so old that the changes of the document since then are not known. */
  leap(base: RingEntry, fromSeq: number, cars: string, hasDoc = true): string {
    const { seq, document } = this.#state;
    const when = this.#passTo(base, fromSeq, this.#state.head!, seq);
    return listOf([...when, ...(hasDoc ? [{ op: 'replace', path: '/document', value: document } as const] : [])], cars);
  }

  #passTo(base: RingEntry, fromSeq: number, head: RingEntry, toSeq: number): PatchOperation[] {
    return diffDocuments(this.#whenOf(base, fromSeq), this.#whenOf(head, toSeq));
  }

  /** The operations on the cars, as JSON text without the brackets of a list; empty when nothing of them changed. */
  changesOfCars(base: RingEntry, head: RingEntry, shown: Shown): string {
    const texts: string[] = [];
    // Slots are only added: what is shown of an earlier field is shown of a later one.
    for (const { slot, view } of shown(head.field)) {
      if (base.field.states[slot] === head.field.states[slot]) continue;
      const [before, after] = [base, head].map((entry) => ({ cars: this.#carIn(entry, slot, view) }));
      const operations = diffDocuments(before!, after!);
      if (operations.length > 0) texts.push(JSON.stringify(operations).slice(1, -1));
    }
    return texts.join(',');
  }

  #whenOf({ tick, closeAtMs }: RingEntry, seq: number) {
    const position = formatPosition({ epoch: this.#state.epoch, seq });
    return { tick, time: new Date(closeAtMs).toISOString(), position };
  }

  #carIn({ field }: RingEntry, slot: number, view: View): Record<string, unknown> {
    const state = field.states[slot];
    return state ? { [field.cars[slot]!]: readValues(this.#state.catalogue, view, state) } : {};
  }

  *#changesOfDocument(entries: readonly RingEntry[], fromSeq: number, toSeq: number): Iterable<PatchOperation> {
    for (const { docs } of entries)
      for (const { seq, patch, message } of docs) {
        if (seq <= fromSeq || seq > toSeq) continue;
        if (patch) yield* (unpack(patch) as PatchOperation[]).map(inDocument);
        else
          yield { op: 'replace', path: '/document', value: unpack(decodeKeyframe(message, this.#state.catalogue).doc) };
      }
  }
}

/** A list of operations as JSON text. @param more Such text, without its brackets. */
const listOf = (operations: readonly PatchOperation[], more: string): string =>
  `[${[...operations.map((one) => JSON.stringify(one)), ...(more === '' ? [] : [more])].join(',')}]`;

/** An operation on the document, as one on the race that it stands in. */
const inDocument = (operation: PatchOperation): PatchOperation => ({
  ...operation,
  path: `/document${operation.path}`,
  ...('from' in operation && { from: `/document${operation.from}` }),
});

/** Every car of the field, in the smallest view that has a name for it. */
export function wholeField(catalogue: Catalogue): Shown {
  const view = catalogue.viewOf('essentials') ?? catalogue.views[0]!;
  return ({ cars }) => cars.map((_, slot) => ({ slot, view }));
}

/** What a fan chose. */
export const shownBy =
  (choice: Choice): Shown =>
  (field) =>
    choice.codesIn(field).map((code) => ({ slot: slotOf(code), view: choice.viewAt(code) }));
