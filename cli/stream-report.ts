import type { StreamMessage } from '../broker/race-stream.ts';
import { type Catalogue, parseCatalogue } from '../protocol/catalogue.ts';
import { ProtocolError, TelemetryError } from '../protocol/errors.ts';
import { EMPTY_FIELD, type Field } from '../protocol/field.ts';
import {
  applyTick,
  decodeDocPatch,
  decodeKeyframe,
  readStreamHead,
  type StreamHead,
} from '../protocol/tick-message.ts';

interface EpochReport {
  readonly epoch: string;
  readonly firstTick: number;
  lastTick: number;
  ticks: number;
  readonly startedAtMs: number;
  endedAtMs: number;
}

/** A place in the life of a race and what is known there. */
interface Known<T> {
  readonly epoch: string;
  /** Tick, or revision of the document. */
  readonly number: number;
  readonly value: T;
}

const isNext = (known: Known<unknown> | undefined, epoch: string, number: number): boolean =>
  known?.epoch === epoch && known.number + 1 === number;

const MAX_PROBLEMS = 20;

/** Reads a stream message by message and remembers what is wrong with it. Pure but for its own state. */
export class StreamReport {
  readonly #race: string;
  readonly #epochs: EpochReport[] = [];
  readonly #counts = {
    messages: 0,
    ticks: 0,
    keyframes: 0,
    patches: 0,
    /** Ticks that are missing; one that cannot be read is missing too. */
    lost: 0,
    /** Ticks that came after a later one. */
    doubled: 0,
    /** Messages of any kind that nobody can use. */
    unreadable: 0,
    /** Ticks that nothing before them allows to be applied: their digest says nothing. */
    unchecked: 0,
    /** Patches of the document that do not follow the one before. */
    misplaced_patches: 0,
  };
  readonly #bytes = { ticks: 0, keyframes: 0, patches: 0, checked: 0 };
  readonly #problems: string[] = [];
  #catalogue: Catalogue | undefined;
  #field: Known<Field> | undefined;
  #document: Known<undefined> | undefined;
  #carTicks = 0;

  constructor(race: string) {
    this.#race = race;
  }

  /** Whether nothing is lost, doubled or unreadable. */
  get isSound(): boolean {
    const { lost, doubled, unreadable, misplaced_patches } = this.#counts;
    return lost + doubled + unreadable + misplaced_patches === 0;
  }

  add(message: StreamMessage): void {
    this.#counts.messages++;
    const kind = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    try {
      if (kind === 'catalogue') this.#takeCatalogue(message);
      else if (kind === 'tick') this.#takeTick(message);
      else if (kind === 'keyframe') this.#takeKeyframe(message);
      else if (kind === 'doc') this.#takePatch(message);
      else throw new ProtocolError('bad_subject', `Nothing is known of the subject ${message.subject}.`);
    } catch (error) {
      if (!(error instanceof TelemetryError)) throw error;
      this.#counts.unreadable++;
      this.#note(message, error.message);
    }
  }

  #note({ seq }: StreamMessage, problem: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(`sequence ${seq}: ${problem}`);
  }

  #takeCatalogue({ data }: StreamMessage): void {
    const catalogue = parseCatalogue(new TextDecoder().decode(data));
    if (catalogue.hash !== this.#catalogue?.hash) this.#field = undefined;
    this.#catalogue = catalogue;
  }

  #takeTick(message: StreamMessage): void {
    const { data } = message;
    this.#counts.ticks++;
    this.#bytes.ticks += data.length;
    const head = readStreamHead(data);
    const { epoch, tick } = head;
    const isFirst = tick === 0 && this.#epochs.every((known) => known.epoch !== epoch);
    const before = isFirst ? EMPTY_FIELD : isNext(this.#field, epoch, tick) ? this.#field!.value : undefined;
    // The digest covers the head: what it says is believed only afterwards, where that can be.
    const field = before && this.#catalogue && applyTick(data, this.#catalogue, before).field;
    if (!this.#place(message, head)) return;
    if (!field) {
      this.#counts.unchecked++;
      return;
    }
    this.#field = { epoch, number: tick, value: field };
    this.#bytes.checked += data.length;
    this.#carTicks += field.states.filter((state) => state).length;
  }

  /** Finds the place of a tick in its epoch. @returns whether it is new. */
  #place(message: StreamMessage, { epoch, tick, closeAtMs }: StreamHead): boolean {
    let report = this.#epochs.find((known) => known.epoch === epoch);
    if (!report) {
      // Of the first epoch the stream may have forgotten the beginning, of a later one it cannot.
      const firstTick = this.#epochs.length === 0 ? tick : 0;
      report = { epoch, firstTick, lastTick: firstTick - 1, ticks: 0, startedAtMs: closeAtMs, endedAtMs: closeAtMs };
      this.#epochs.push(report);
    }
    const isOver = report !== this.#epochs.at(-1);
    if (isOver || tick <= report.lastTick) {
      this.#counts.doubled++;
      this.#note(message, `tick ${tick} comes after ${isOver ? 'the end of its epoch' : `tick ${report.lastTick}`}`);
      return false;
    }
    const lost = tick - report.lastTick - 1;
    if (lost > 0) {
      this.#counts.lost += lost;
      this.#note(message, `tick ${tick} comes where tick ${report.lastTick + 1} was expected`);
    }
    report.lastTick = tick;
    report.endedAtMs = closeAtMs;
    report.ticks++;
    return true;
  }

  #takeKeyframe({ data }: StreamMessage): void {
    this.#counts.keyframes++;
    this.#bytes.keyframes += data.length;
    if (!this.#catalogue) return;
    const { head, field, docRevision } = decodeKeyframe(data, this.#catalogue);
    this.#field = { epoch: head.epoch, number: head.tick, value: field };
    this.#document ??= { epoch: head.epoch, number: docRevision, value: undefined };
  }

  #takePatch(message: StreamMessage): void {
    this.#counts.patches++;
    this.#bytes.patches += message.data.length;
    const { head, docRevision } = decodeDocPatch(message.data);
    const { epoch } = head;
    const last = this.#document;
    if (last?.epoch === epoch && !isNext(last, epoch, docRevision)) {
      this.#counts.misplaced_patches++;
      this.#note(message, `revision ${docRevision} of the document follows revision ${last.number}`);
    }
    this.#document = { epoch, number: docRevision, value: undefined };
  }

  summary() {
    const field = this.#field?.value;
    const perTick = (bytes: number) => (this.#counts.ticks === 0 ? 0 : Math.round(bytes / this.#counts.ticks));
    return {
      race: this.#race,
      catalogue: this.#catalogue
        ? { name: this.#catalogue.name, hash: this.#catalogue.hash, channels: this.#catalogue.channels.length }
        : null,
      epochs: this.#epochs,
      cars: field?.cars.filter((_, slot) => field.states[slot]) ?? [],
      ...this.#counts,
      bytes_per_tick: perTick(this.#bytes.ticks),
      bytes_per_car_tick: this.#carTicks === 0 ? 0 : Number((this.#bytes.checked / this.#carTicks).toFixed(1)),
      keyframe_bytes_per_tick: perTick(this.#bytes.keyframes),
      document_bytes_per_tick: perTick(this.#bytes.patches),
      problems: this.#problems,
    };
  }

  text(): string {
    const s = this.summary();
    const time = (atMs: number) => new Date(atMs).toISOString().replace('T', ' ').slice(0, 19);
    return [
      `race       ${s.race}`,
      `catalogue  ${s.catalogue ? `${s.catalogue.name}, ${s.catalogue.channels} channels, ${s.catalogue.hash.slice(0, 16)}…` : 'none'}`,
      ...s.epochs.map(
        (e) =>
          `epoch      ${e.epoch}  ticks ${e.firstTick}–${e.lastTick}  ${time(e.startedAtMs)} – ${time(e.endedAtMs)} UTC`,
      ),
      `cars       ${s.cars.length}: ${s.cars.join(' ')}`,
      `messages   ${s.messages}: ${s.ticks} ticks, ${s.keyframes} keyframes, ${s.patches} document patches`,
      `bytes      ${s.bytes_per_tick} per tick (${s.bytes_per_car_tick} per car), keyframes ${s.keyframe_bytes_per_tick}, document ${s.document_bytes_per_tick} per tick`,
      `problems   ${s.lost} ticks lost, ${s.doubled} doubled, ${s.unchecked} not checked; ${s.unreadable} messages unreadable, ${s.misplaced_patches} patches misplaced`,
      ...s.problems.map((problem) => `           ${problem}`),
      '',
    ].join('\n');
  }
}
