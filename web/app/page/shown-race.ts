import { batch, createSignal } from 'solid-js';
import {
  type CarView,
  type Channel,
  type ChannelValue,
  openPlayer,
  type Player,
  type PlayerOptions,
  type RaceDocument,
} from '../../client/mod.ts';
import { type LastState, readLastState } from '../offline/last-state.ts';
import { pageStorage } from '../offline/last-state-keeper.ts';
import { SilentChannels } from './silent-channels.ts';
import { Status } from './status.ts';
import { carsOf, WHOLE, watchList } from './watch-list.ts';

const STATUS_EVERY_MS = 250;

/** What the race needs of the page. */
export interface RaceNeeds {
  /** The chosen cars, and the one in front. */
  readonly choice: () => { readonly cars: readonly string[]; readonly focus: string | undefined };
  /** Which cars there are is known, or has changed. */
  readonly onField: (race: RaceDocument) => void;
  /** A picture was drawn. */
  readonly onPicture: () => void;
  readonly say: (problem: string | undefined) => void;
}

/** A channel of a car of which nothing has come. */
const unheard = ({ key, label, unit, group, resolution, min, max, limits }: Channel): ChannelValue => ({
  ...{ key, label, unit, group, resolution, min, max, limits, value: null },
});

/** The race that is on the screen, as it is at one tick. Everything that components read here tells them when it changes. */
export class ShownRace {
  readonly status = new Status();
  readonly silent = new SilentChannels();
  readonly #needs: RaceNeeds;
  readonly #name = createSignal<string | undefined>();
  readonly #player = createSignal<Player | undefined>();
  readonly #document = createSignal<RaceDocument | undefined>();
  /** Counts the pictures: a component that reads it, reads again with the next one. */
  readonly #picture = createSignal(0);
  readonly #restored = createSignal<LastState | undefined>();
  #isDrawing = false;
  /** The cars as they were asked for in this picture. */
  #seen: { picture: number; player: Player | undefined; cars: Map<string, CarView | undefined> } = {
    ...{ picture: -1, player: undefined, cars: new Map() },
  };
  /** How many components show the whole field. */
  #fieldViewers = 0;
  /** What was last asked of an edge. */
  #watched = '';

  readonly name = this.#name[0];
  readonly player = this.#player[0];
  /** As it was at the tick that is shown. */
  readonly document = this.#document[0];
  readonly picture = this.#picture[0];
  /** What was on the screen at the last visit, until something newer comes. */
  readonly restored = this.#restored[0];

  constructor(needs: RaceNeeds) {
    this.#needs = needs;
    setInterval(() => this.#look(), STATUS_EVERY_MS);
  }

  // ---- what components read ----

  car(id: string | undefined): CarView | undefined {
    const [picture, player] = [this.picture(), this.player()];
    if (id === undefined) return undefined;
    // A hundred figures of a picture ask for the same car.
    if (this.#seen.picture !== picture || this.#seen.player !== player)
      this.#seen = { picture, player, cars: new Map() };
    const { cars } = this.#seen;
    if (!cars.has(id)) cars.set(id, player?.car(id));
    return cars.get(id) ?? this.restored()?.cars.find(({ car }) => car === id);
  }

  /** Every channel of a car, with its value where the car has come with all of them. */
  channels(id: string | undefined): ChannelValue[] {
    const car = this.car(id);
    const known = this.player()?.catalogue?.channels;
    return known ? known.map((channel) => car?.channel(channel.key) ?? unheard(channel)) : (car?.channels() ?? []);
  }

  /** As {@link channels}, one of them; `undefined` where the catalogue does not know it, or is not here yet. */
  channel(id: string | undefined, key: string): ChannelValue | undefined {
    const heard = this.car(id)?.channel(key);
    if (heard) return heard;
    const catalogue = this.player()?.catalogue;
    const index = catalogue?.indexOf(key);
    return index === undefined ? undefined : unheard(catalogue!.channels[index]!);
  }

  standing(id: string | undefined) {
    return id === undefined ? undefined : this.document()?.standings[id];
  }

  entry(id: string | undefined) {
    return id === undefined ? undefined : this.document()?.roster[id];
  }

  /** Why there is nothing to see of a car, when that is known. */
  absence(car: string | undefined): string | undefined {
    const [player, race] = [this.player(), this.document()];
    if (!race || car === undefined || player?.race.status.phase !== 'live' || this.car(car)) return undefined;
    if (carsOf(race).includes(car))
      return `Nothing is heard of car ${car} at the moment; it is shown as soon as it sends.`;
    return `Car ${car} is not in this race; it is shown as soon as it joins, or choose another one with “Drivers”.`;
  }

  /** What is worth to be kept for a time without a network; `undefined` while nothing newer is here than at the last visit. */
  lastState(): LastState | undefined {
    const [race, player] = [this.name(), this.player()];
    const document = player?.document;
    if (!race || !player || !document || this.restored()) return undefined;
    const cars = this.#needs.choice().cars.flatMap((car) => player.car(car) ?? []);
    return { race, savedAtMs: Date.now(), timeMs: player.time, document, cars };
  }

  // ---- how it follows ----

  /** @param how All but the race and its cars. @returns `undefined` where it cannot be followed; the page was told why. */
  open(name: string | undefined, how: Omit<PlayerOptions, 'race' | 'watch'>): Player | undefined {
    this.player()?.close();
    const watch = watchList(this.#needs.choice().cars, undefined, undefined, false);
    const player =
      name === undefined
        ? undefined
        : this.#try(() => openPlayer({ ...how, race: name, watch, followsSession: false }));
    this.#name[1](name);
    this.#player[1](player);
    this.#watched = JSON.stringify(watch);
    this.silent.forget();
    // While the connection is being made.
    this.#restored[1](readLastState(pageStorage(), name));
    this.#document[1](this.restored()?.document);
    if (player) {
      this.status.follow(player);
      this.#hear(player);
    }
    return player;
  }

  /** The whole field comes as long as somebody shows it. @returns Says that this one does so no longer. */
  viewField(): () => void {
    this.#fieldViewers++;
    this.watch();
    return () => {
      this.#fieldViewers--;
      this.watch();
    };
  }

  /** Asks for what is to be seen, when that is something else than before. */
  watch(): void {
    const player = this.player();
    if (!player) return;
    const { document, catalogue } = player.race;
    const watch = watchList(this.#needs.choice().cars, document, catalogue, this.#fieldViewers > 0);
    const asked = JSON.stringify(watch);
    if (asked === this.#watched) return;
    this.#watched = asked;
    this.#try(() => player.watch(watch));
  }

  /** Draws once per picture, however many ticks came; not at all while the page is in the background. */
  draw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      batch(() => this.#drawNow());
    });
  }

  #hear(player: Player): void {
    const { race } = player;
    player.on('tick', () => this.draw());
    player.on('document', () => this.draw());
    player.on('status', () => this.draw());
    race.on('tick', () => this.watch());
    race.on('document', (document) => {
      // Which cars there are is known at once, however long the TV is behind.
      this.#needs.onField(document);
      this.watch();
    });
    race.on('watching', () => this.#needs.say(undefined));
    player.on('error', (error) => {
      // The connection tells of itself in its own place, and so does a past that is waited for.
      if (player.isWaiting) return;
      if (race.status.phase === 'live' || race.status.phase === 'closed') this.#needs.say(error.message);
    });
  }

  #try<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.#needs.say((error as Error).message);
      return undefined;
    }
  }

  #look(): void {
    const player = this.player();
    if (player) this.status.look(player.race, performance.now(), player.mode !== 'live' || player.isPaused);
  }

  #drawNow(): void {
    const player = this.player();
    const { focus } = this.#needs.choice();
    const car = focus === undefined ? undefined : player?.car(focus);
    if (car || (player?.document && player.race.status.phase === 'live')) this.#restored[1](undefined);
    this.#document[1](player?.document ?? this.restored()?.document);
    this.#picture[1](this.picture() + 1);
    this.silent.see(car);
    // Of a car that was only on the map so far, the rest is on its way.
    document.body.dataset.tick = car?.view === WHOLE ? String(car.tick) : '';
    this.#look();
    this.#needs.onPicture();
  }
}
