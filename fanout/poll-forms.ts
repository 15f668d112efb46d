import { pack } from '../protocol/pack.ts';
import { encodePollAnswer, type PollHead, type StreamRecord } from '../protocol/poll-answer.ts';
import { formatPosition } from '../protocol/position.ts';
import { encodeKeyframe } from '../protocol/tick-message.ts';
import { JsonRace, wholeField } from './json-race.ts';
import type { RaceState } from './race-state.ts';
import type { RingEntry } from './ring.ts';

const NO_DOCUMENT = pack({});

/** How answers to long polls are written. */
export interface PollForm {
  readonly contentType: string;
  /** Whether whoever has everything waits for the next tick. */
  readonly waits: boolean;
  /** An answer ends with the last of so many ticks. */
  readonly blockTicks: number;
  /** The newest state. */
  snapshot(head: PollHead, state: RaceState): Uint8Array;
  /**
   * What follows a position.
   * @param run From the tick that the reader has to the last one that it gets, which may be the same.
   * @param fromSeq Changes of the document up to here are left out, @param toSeq and those behind this.
   */
  deltas(head: PollHead, state: RaceState, run: readonly RingEntry[], fromSeq: number, toSeq: number): Uint8Array;
}

/** For programs: the messages of the stream. */
export const BINARY_FORM: PollForm = {
  contentType: 'application/octet-stream',
  waits: true,
  blockTicks: 120,
  snapshot(head, { epoch, seq, catalogue, ring, packedDocument, docRevision }) {
    const { tick, closeAtMs, field } = ring.head!;
    const at = { tick, closeAtMs, epoch, catalogueTag: catalogue.tag };
    const message = encodeKeyframe(at, catalogue, field, packedDocument, docRevision);
    return encodePollAnswer(head, [{ seq, message }]);
  },
  deltas: (head, _, run, fromSeq, toSeq) => encodePollAnswer(head, recordsOf(run, fromSeq, toSeq)),
};

function recordsOf(run: readonly RingEntry[], fromSeq: number, toSeq: number): StreamRecord[] {
  const records: StreamRecord[] = [];
  // The first entry is where the fan is; only its document can have gone on since.
  for (const [n, entry] of run.entries())
    for (const { seq, message } of n === 0 ? entry.docs : [entry, ...entry.docs])
      if (seq > fromSeq && seq <= toSeq) records.push({ seq, message });
  return records;
}

/** For programs that do not hold the whole field: it comes first, as it was at the position, and then what followed. */
export const BASE_FORM: PollForm = {
  ...BINARY_FORM,
  waits: false,
  deltas: (head, state, run, fromSeq, toSeq) =>
    encodePollAnswer(head, [{ seq: fromSeq, message: baseOf(run[0]!, state) }, ...recordsOf(run, fromSeq, toSeq)]),
};

/** Made once for each tick, however many positions somebody asks for. */
const bases = new WeakMap<RingEntry, Uint8Array>();

function baseOf(entry: RingEntry, { epoch, catalogue }: RaceState): Uint8Array {
  const known = bases.get(entry);
  if (known) return known;
  const { tick, closeAtMs, field } = entry;
  const at = { tick, closeAtMs, epoch, catalogueTag: catalogue.tag };
  // Of an older document nothing is known; whoever goes on from somewhere holds its own.
  const message = encodeKeyframe(at, catalogue, field, NO_DOCUMENT, 0);
  bases.set(entry, message);
  return message;
}

/** For people: the whole field in its smallest view, and JSON Patches of it. */
export function jsonForm(race: string): PollForm {
  /** What a tick did to the cars, in the view of all. */
  const steps = new WeakMap<RingEntry, string>();
  const stepTo = (json: JsonRace, { catalogue }: RaceState, before: RingEntry, after: RingEntry): string => {
    const known = steps.get(after);
    if (known !== undefined) return known;
    const changes = json.changesOfCars(before, after, wholeField(catalogue));
    steps.set(after, changes);
    return changes;
  };
  return {
    contentType: 'application/json; charset=utf-8',
    waits: true,
    // Written out, ticks are some ten times as long.
    blockTicks: 20,
    snapshot: (head, state) =>
      toBytes({ ...head, snapshot: new JsonRace(race, state).snapshot(wholeField(state.catalogue)) }),
    deltas(head, state, run, fromSeq, toSeq) {
      const json = new JsonRace(race, state);
      const patches: string[] = [];
      const add = (part: readonly RingEntry[], from: number, to: number, cars: string) =>
        patches.push(
          `{"position":"${formatPosition({ epoch: state.epoch, seq: to })}","patch":${json.patch(part, from, to, cars)}}`,
        );
      for (const [place, after] of run.entries()) {
        const before = run[place - 1];
        if (before) add([before, after], Math.max(fromSeq, before.seq), after.seq, stepTo(json, state, before, after));
      }
      if (run.length === 1 && toSeq > fromSeq) add(run, fromSeq, toSeq, '');
      return new TextEncoder().encode(`${JSON.stringify(head).slice(0, -1)},"patches":[${patches.join(',\n')}]}\n`);
    },
  };
}

const toBytes = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);
