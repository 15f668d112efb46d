import type { StreamMessage } from '../broker/race-stream.ts';
import { type Catalogue, parseCatalogue } from '../protocol/catalogue.ts';
import { TelemetryError } from '../protocol/errors.ts';
import type { Field } from '../protocol/field.ts';
import { applyTick, decodeKeyframe, readStreamHead } from '../protocol/tick-message.ts';

interface EpochReport {
  readonly epoch: string;
  firstTick: number;
  lastTick: number;
  ticks: number;
  readonly startedAtMs: number;
  endedAtMs: number;
}

const MAX_PROBLEMS = 20;

/** Reads a stream message by message and remembers what is wrong with it. Pure but for its own state. */
export class StreamReport {
  readonly #race: string;
  readonly #epochs: EpochReport[] = [];
  readonly #counts = { messages: 0, ticks: 0, keyframes: 0, patches: 0, lost: 0, doubled: 0, unreadable: 0 };
  readonly #bytes = { ticks: 0, keyframes: 0, patches: 0 };
  readonly #problems: string[] = [];
  #catalogue: Catalogue | undefined;
  #field: Field | undefined;
  #carTicks = 0;

  constructor(race: string) {
    this.#race = race;
  }

  /** Whether no tick is lost, doubled or unreadable. */
  get isSound(): boolean {
    return this.#counts.lost + this.#counts.doubled + this.#counts.unreadable === 0;
  }

  add(message: StreamMessage): void {
    this.#counts.messages++;
    const kind = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    try {
      if (kind === 'catalogue') this.#takeCatalogue(message);
      else if (kind === 'tick') this.#takeTick(message);
      else if (kind === 'keyframe') this.#takeKeyframe(message);
      else if (kind === 'doc') {
        this.#counts.patches++;
        this.#bytes.patches += message.data.length;
      }
    } catch (error) {
      if (!(error instanceof TelemetryError)) throw error;
      this.#counts.unreadable++;
      this.#field = undefined;
      this.#note(`sequence ${message.seq}: ${error.message}`);
    }
  }

  #note(problem: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }

  #takeCatalogue(message: StreamMessage): void {
    this.#catalogue = parseCatalogue(new TextDecoder().decode(message.data));
    this.#field = undefined;
  }

  #takeTick({ data, seq }: StreamMessage): void {
    const head = readStreamHead(data);
    this.#counts.ticks++;
    this.#bytes.ticks += data.length;
    let epoch = this.#epochs.at(-1);
    if (epoch?.epoch !== head.epoch) {
      epoch = {
        epoch: head.epoch,
        firstTick: head.tick,
        lastTick: head.tick - 1,
        ticks: 0,
        startedAtMs: head.closeAtMs,
        endedAtMs: 0,
      };
      this.#epochs.push(epoch);
      this.#field = undefined;
    }
    if (head.tick > epoch.lastTick + 1) {
      this.#counts.lost += head.tick - epoch.lastTick - 1;
      this.#note(`sequence ${seq}: tick ${head.tick} follows tick ${epoch.lastTick}`);
      this.#field = undefined;
    } else if (head.tick <= epoch.lastTick) {
      this.#counts.doubled++;
      this.#note(`sequence ${seq}: tick ${head.tick} comes after tick ${epoch.lastTick}`);
      return;
    }
    epoch.lastTick = head.tick;
    epoch.endedAtMs = head.closeAtMs;
    epoch.ticks++;
    if (!this.#field || !this.#catalogue) return;
    this.#field = applyTick(data, this.#catalogue, this.#field).field;
    this.#carTicks += this.#field.states.filter((state) => state).length;
  }

  #takeKeyframe({ data }: StreamMessage): void {
    this.#counts.keyframes++;
    this.#bytes.keyframes += data.length;
    if (this.#catalogue) this.#field = decodeKeyframe(data, this.#catalogue).field;
  }

  summary() {
    const perTick = (bytes: number) => (this.#counts.ticks === 0 ? 0 : Math.round(bytes / this.#counts.ticks));
    return {
      race: this.#race,
      catalogue: this.#catalogue
        ? { name: this.#catalogue.name, hash: this.#catalogue.hash, channels: this.#catalogue.channels.length }
        : null,
      epochs: this.#epochs,
      cars: this.#field?.cars.filter((_, slot) => this.#field!.states[slot]) ?? [],
      ...this.#counts,
      bytes_per_tick: perTick(this.#bytes.ticks),
      bytes_per_car_tick: this.#carTicks === 0 ? 0 : Number((this.#bytes.ticks / this.#carTicks).toFixed(1)),
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
      `ticks      ${s.lost} lost, ${s.doubled} doubled, ${s.unreadable} unreadable`,
      ...s.problems.map((problem) => `           ${problem}`),
      '',
    ].join('\n');
  }
}
