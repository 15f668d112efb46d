import { continueFrom } from '../bench/crowd/continuity.ts';
import type { PublishedTick } from '../ingest/ingest.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import type { History, Rate, Receipt, Wish } from '../protocol/control.ts';
import type { Field } from '../protocol/field.ts';
import { type CarView, type ConnectOptions, connect, type Race, type TickEvent } from '../web/client/mod.ts';

/** What fans are held to. */
export interface Truth {
  /** `undefined` before anything is known of the race. */
  readonly catalogue: Catalogue | undefined;
  /**
   * Calls `judge` with the field of a tick as soon as it is known; with `undefined` when there never was such a tick.
   * At once where it is known now.
   */
  look(epoch: string, tick: number, judge: (field: Field | undefined) => void): void;
}

/** What an ingest of this process published in its only epoch, tick by tick. */
export class Oracle implements Truth {
  readonly catalogue: Catalogue;
  readonly #ticks = new Map<number, PublishedTick>();
  lastTick = -1;

  constructor(catalogue: Catalogue) {
    this.catalogue = catalogue;
  }

  add(tick: PublishedTick): void {
    this.#ticks.set(tick.tick, tick);
    this.lastTick = tick.tick;
  }

  carsAtLastTick(): readonly string[] {
    return this.#ticks.get(this.lastTick)?.field.cars ?? [];
  }

  look(_epoch: string, tick: number, judge: (field: Field | undefined) => void): void {
    judge(this.#ticks.get(tick)?.field);
  }
}

const stateIn = (field: Field, car: string): Int32Array | undefined => field.states[field.cars.indexOf(car)];

/** What a fan holds of one car. */
interface HeldCar {
  readonly view: CarView;
  readonly state: Int32Array | undefined;
}

const MAX_RATE = 2;

/** What one fan found wrong, and how much it looked at. */
export interface FanReport {
  /** The first of them in words. */
  readonly differences: string[];
  wrong: number;
  /** The first ticks that were missed or came twice, in words. */
  readonly notes: string[];
  missed: number;
  doubled: number;
  ticks: number;
  statesCompared: number;
  cuts: number;
  /** Ticks that came one by one, and ticks inside composites. */
  composites: number;
  snapshots: number;
  /** Frames over several ticks because the fan asked for fewer. */
  paced: number;
}

/** An SDK fan that compares everything it is told with the oracle, and counts what it was not told. */
export class OracleFan {
  readonly race: Race;
  readonly report: FanReport = {
    differences: [],
    notes: [],
    wrong: 0,
    missed: 0,
    doubled: 0,
    ticks: 0,
    statesCompared: 0,
    cuts: 0,
    composites: 0,
    snapshots: 0,
    paced: 0,
  };
  readonly #oracle: Truth;
  readonly #history: History;
  #lastTick = -1;
  #receipt: Receipt | undefined;
  /** The choice that the edge has confirmed; cars of it must be there. */
  #confirmed: readonly { car: string; view: string }[] = [];
  #confirmedAtTick = -1;
  /** Since the beginning. */
  #lowestRate: Rate;

  constructor(
    oracle: Truth,
    options: Wish & {
      url: readonly string[];
      race: string;
      document?: boolean;
      fetch?: ConnectOptions['fetch'];
      transports?: ConnectOptions['transports'];
      history: History;
      rate: Rate;
      WebSocket: typeof WebSocket;
      random: () => number;
    },
  ) {
    this.#oracle = oracle;
    this.#history = options.history;
    this.#lowestRate = options.rate;
    this.race = connect(options);
    this.race.on('tick', (tick) => this.#check(tick));
    this.race.on('watching', ({ watch }) => {
      this.#confirmed = watch;
      this.#confirmedAtTick = this.#lastTick;
    });
    // A new connection begins with what the fan holds; a choice that had not come yet is confirmed anew.
    this.race.on('receipt', (receipt) => {
      this.#receipt = receipt;
      this.#confirmed = [];
    });
  }

  get lastTick(): number {
    return this.#lastTick;
  }

  setRate(rate: Rate): void {
    if (rate < this.#lowestRate) this.#lowestRate = rate;
    this.race.setRate(rate);
  }

  /** Chosen cars that were published at the last tick, but are not here. */
  missingCars(): string[] {
    const held = new Set(this.race.cars().map(({ car }) => car));
    const missing: string[] = [];
    this.#oracle.look(this.race.position!.epoch, this.#lastTick, (field) => {
      for (const { car } of this.race.choice) if (!held.has(car) && field && stateIn(field, car)) missing.push(car);
    });
    return missing;
  }

  #check(event: TickEvent): void {
    const { report } = this;
    report.ticks++;
    if (event.snapshot) report.snapshots++;
    if (event.span > 1) report.composites++;
    if (this.#lastTick >= 0) {
      const { lost, doubled } = continueFrom(this.#lastTick, event.tick, event.span, event.snapshot);
      // A snapshot that comes between two frames of a fan with a lower rate stands for the ticks that the next one would have joined.
      const missed = event.snapshot ? Math.max(0, lost - (MAX_RATE / this.#lowestRate - 1)) : lost;
      report.missed += missed;
      report.doubled += doubled;
      if (missed + doubled > 0) this.#note(event, `missed ${missed}, doubled ${doubled}`);
      // A composite covers what it joins, if that is what the fan asked for; everything else must be one tick on.
      const isPaced = this.#lowestRate < MAX_RATE && !event.repaired && !event.conflated && event.span > 1;
      if (isPaced) report.paced++;
      const isWanted = isPaced || event.snapshot || this.#history === 'latest' || event.conflated;
      if (event.span > 1 && !isWanted) {
        report.missed += event.span - 1;
        this.#note(event, 'not one by one');
      }
    }
    this.#lastTick = event.tick;
    this.#compareStates(event.tick);
  }

  /** Takes down what is held now, which is never changed in place, and compares it once the tick is known. */
  #compareStates(tick: number): void {
    const held = this.race.cars().map((view) => ({ view, state: this.race.state(view.car) }));
    // A newer choice that is on its way to the edge has already taken cars out here.
    const wanted = new Set(this.race.choice.map(({ car, view }) => `${car}:${view}`));
    const confirmed = tick <= this.#confirmedAtTick ? [] : this.#confirmed;
    const due = confirmed.filter(({ car, view }) => wanted.has(`${car}:${view}`)).map(({ car }) => car);
    this.#oracle.look(this.race.position!.epoch, tick, (field) => {
      if (field) this.#judge(tick, field, held, due);
      else this.#differ(`tick ${tick} was never published`);
    });
  }

  #judge(tick: number, field: Field, held: readonly HeldCar[], due: readonly string[]): void {
    const catalogue = this.#oracle.catalogue!;
    for (const { view, state: actual } of held) {
      const expected = stateIn(field, view.car);
      if (!expected || !actual) {
        this.#differ(
          `tick ${tick}: car ${view.car} is ${actual ? 'there' : 'missing'}, but was ${expected ? 'published' : 'not in the field'}`,
        );
        continue;
      }
      // Asked by index where that can be: keys of all channels of 50 fans at 16 ticks a second take their time.
      const listed = () => Object.keys(view.values()).map((key) => catalogue.indexOf(key)!);
      for (const channel of catalogue.viewOf(view.view)?.channels ?? listed()) {
        if (actual[channel] !== expected[channel]) {
          this.#differ(
            `tick ${tick}, car ${view.car}, ${catalogue.channels[channel]!.key}: ${actual[channel]} instead of ${expected[channel]}`,
          );
        }
      }
      this.report.statesCompared++;
    }
    for (const car of due) {
      if (stateIn(field, car) && !held.some(({ view }) => view.car === car))
        this.#differ(`tick ${tick}: car ${car} is chosen and in the field, but did not come`);
    }
  }

  #note({ tick, span, snapshot, repaired, conflated }: TickEvent, what: string): void {
    if (this.report.notes.length >= 5) return;
    const flags = Object.entries({ snapshot, repaired, conflated }).flatMap(([name, isSet]) => (isSet ? [name] : []));
    const fan = `history ${this.#history}, rate ${this.race.rate}, ${this.race.statistics().transport}`;
    const { kind, reason = 'no reason' } = this.#receipt ?? { kind: 'no repair' };
    const frame = `tick ${tick} over ${span} (${flags.join(' ')}) on tick ${this.#lastTick}`;
    this.report.notes.push(`${what}: ${frame}; ${fan}; last receipt: ${kind}, ${reason}`);
  }

  #differ(what: string): void {
    this.report.wrong++;
    if (this.report.differences.length < 5) this.report.differences.push(what);
  }
}
