import type { PublishedTick } from '../ingest/ingest.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import type { History, Rate, Wish } from '../protocol/control.ts';
import { connect, type Race, type TickEvent } from '../web/client/mod.ts';

/** What ingest published, tick by tick: the truth that fans are held to. */
export class Oracle {
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

  /** The published state of a car; `undefined` while it is not in the field. */
  stateOf(tick: number, car: string): Int32Array | undefined {
    const published = this.#ticks.get(tick);
    if (!published) throw new Error(`tick ${tick} was never published`);
    const slot = published.field.cars.indexOf(car);
    return slot < 0 ? undefined : published.field.states[slot];
  }
}

/** What one fan found wrong, and how much it looked at. */
export interface FanReport {
  readonly differences: string[];
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
    missed: 0,
    doubled: 0,
    ticks: 0,
    statesCompared: 0,
    cuts: 0,
    composites: 0,
    snapshots: 0,
    paced: 0,
  };
  readonly #oracle: Oracle;
  readonly #history: History;
  #lastTick = -1;
  /** The choice that the edge has confirmed; cars of it must be there. */
  #confirmed: readonly { car: string; view: string }[] = [];
  #confirmedAtTick = -1;
  #isPaced: boolean;

  constructor(
    oracle: Oracle,
    options: Wish & {
      url: readonly string[];
      race: string;
      history: History;
      rate: Rate;
      WebSocket: typeof WebSocket;
      random: () => number;
    },
  ) {
    this.#oracle = oracle;
    this.#history = options.history;
    this.#isPaced = options.rate < 2;
    this.race = connect(options);
    this.race.on('tick', (tick) => this.#check(tick));
    this.race.on('watching', ({ watch }) => {
      this.#confirmed = watch;
      this.#confirmedAtTick = this.#lastTick;
    });
    // A new connection begins with what the fan holds; a choice that had not come yet is confirmed anew.
    this.race.on('receipt', () => {
      this.#confirmed = [];
    });
  }

  get lastTick(): number {
    return this.#lastTick;
  }

  setRate(rate: Rate): void {
    this.#isPaced ||= rate < 2;
    this.race.setRate(rate);
  }

  /** Chosen cars that were published at the last tick, but are not here. */
  missingCars(): string[] {
    const held = new Set(this.race.cars().map(({ car }) => car));
    return this.race.choice
      .map(({ car }) => car)
      .filter((car) => !held.has(car) && this.#oracle.stateOf(this.#lastTick, car));
  }

  #check(event: TickEvent): void {
    const { report } = this;
    report.ticks++;
    if (event.snapshot) report.snapshots++;
    if (event.span > 1) report.composites++;
    if (this.#lastTick >= 0) {
      if (event.tick <= this.#lastTick) report.doubled++;
      // A composite covers what it joins, if that is what the fan asked for; everything else must be one tick on.
      const covered = event.snapshot ? 0 : event.span;
      const isPaced = this.#isPaced && !event.repaired && !event.conflated && event.span > 1;
      if (isPaced) report.paced++;
      const isWanted =
        isPaced || event.span === 1 || (this.#history === 'latest' && !event.snapshot) || event.conflated;
      if (event.tick - covered !== this.#lastTick || !isWanted)
        report.missed += Math.max(1, event.tick - this.#lastTick - 1);
    }
    this.#lastTick = event.tick;
    this.#compareStates(event.tick);
  }

  #compareStates(tick: number): void {
    const { catalogue } = this.#oracle;
    const seen = new Set<string>();
    for (const view of this.race.cars()) {
      seen.add(view.car);
      const expected = this.#oracle.stateOf(tick, view.car);
      const actual = this.race.state(view.car);
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
    if (tick <= this.#confirmedAtTick) return;
    // A newer choice that is on its way to the edge has already taken cars out here.
    const wanted = new Set(this.race.choice.map(({ car, view }) => `${car}:${view}`));
    for (const { car, view } of this.#confirmed) {
      if (!wanted.has(`${car}:${view}`)) continue;
      if (!seen.has(car) && this.#oracle.stateOf(tick, car))
        this.#differ(`tick ${tick}: car ${car} is chosen and in the field, but did not come`);
    }
  }

  #differ(what: string): void {
    if (this.report.differences.length < 5) this.report.differences.push(what);
  }
}
