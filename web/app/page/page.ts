import { batch, createSignal } from 'solid-js';
import {
  type CarView,
  type Channel,
  type ChannelValue,
  openPlayer,
  type Player,
  type RaceDocument,
} from '../../client/mod.ts';
import { type LastState, readLastState } from '../offline/last-state.ts';
import { LastStateKeeper, pageStorage } from '../offline/last-state-keeper.ts';
import { Playback } from '../time/playback.ts';
import { sayOtherSession } from '../words.ts';
import { type Address, formatAddress, readAddress, VIEWS, type ViewName } from './address.ts';
import { type Choice, choiceOf, follow, isSame, NO_CHOICE, show } from './choice.ts';
import { type OtherReason, PageSession } from './page-session.ts';
import { type ListedRace, listRaces } from './race-list.ts';
import { openSettings } from './settings.ts';
import { SilentChannels } from './silent-channels.ts';
import { Status } from './status.ts';
import { carsOf, WHOLE, watchList } from './watch-list.ts';

const LIST_EVERY_MS = 5000;
const STATUS_EVERY_MS = 250;
const BASE = document.baseURI;
/** State of an entry in the history that this page wrote itself. */
const OWN = 'own';

/** A channel of a car of which nothing has come. */
const unheard = ({ key, label, unit, group, resolution, min, max, limits }: Channel): ChannelValue => ({
  ...{ key, label, unit, group, resolution, min, max, limits, value: null },
});

/** What the page knows and does. Everything that components read here tells them when it changes. */
export class Page {
  readonly settings = openSettings();
  readonly status = new Status();
  readonly silent = new SilentChannels();
  readonly session = new PageSession(BASE, {
    onOther: (why) => this.#changeSession(why),
    onChange: () => this.#followSession(),
  });
  readonly playback = new Playback({
    session: () => this.session.current,
    addressOf: (at) => new URL(formatAddress({ ...this.#address(), at }), BASE).href,
    showAddress: (address) => history.replaceState(OWN, '', address),
    say: (problem) => this.say(problem),
    tell: (notice) => this.tell(notice),
    draw: () => this.#draw(),
  });
  readonly #race = createSignal<string | undefined>();
  readonly #races = createSignal<readonly ListedRace[]>([]);
  readonly #choice = createSignal(NO_CHOICE, { equals: isSame });
  readonly #view = createSignal<ViewName>(VIEWS[0]);
  readonly #player = createSignal<Player | undefined>();
  readonly #document = createSignal<RaceDocument | undefined>();
  readonly #favourites = createSignal<readonly string[]>([]);
  /** Counts the pictures: a component that reads it, reads again with the next one. */
  readonly #picture = createSignal(0);
  readonly #problem = createSignal<string | undefined>();
  readonly #notice = createSignal<string | undefined>();
  /** What was on the screen at the last visit, until something newer comes. */
  readonly #restored = createSignal<LastState | undefined>();
  readonly #offline = createSignal('It is being found out.');
  /** Race time that the address asked for. */
  #wantedMs: number | undefined;
  #isDrawing = false;
  /** How many components show the whole field. */
  #fieldViewers = 0;
  /** What was last asked of an edge. */
  #watched = '';

  // ---- what components read ----

  readonly race = this.#race[0];
  readonly races = this.#races[0];
  readonly choice = this.#choice[0];
  readonly view = this.#view[0];
  readonly player = this.#player[0];
  /** As it was at the tick that is shown. */
  readonly document = this.#document[0];
  readonly favourites = this.#favourites[0];
  readonly picture = this.#picture[0];
  readonly notice = this.#notice[0];
  readonly restored = this.#restored[0];
  /** Whether the page will start without a network, as a sentence. */
  readonly offline = this.#offline[0];

  /** The car that fills the page. */
  focus(): string | undefined {
    return this.choice().focus;
  }

  car(id: string | undefined): CarView | undefined {
    this.picture();
    if (id === undefined) return undefined;
    return this.player()?.car(id) ?? this.restored()?.cars.find(({ car }) => car === id);
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

  /** What is wrong, as a sentence with a next step. */
  problem(): string | undefined {
    return this.#problem[0]() ?? this.#absence();
  }

  // ---- what people do ----

  start(): void {
    window.addEventListener('popstate', () => this.#pick(readAddress(location.search)));
    setInterval(() => this.#look(), STATUS_EVERY_MS);
    const address = readAddress(location.search);
    this.#wantedMs = address.at;
    this.#favourites[1](this.session.current.favourites);
    // Cars that this page wrote into the address itself are no choice: another device may have made one since.
    if (address.cars.length > 0 && history.state !== OWN && !this.session.isFromLink) this.#pick(address);
    else this.#follow({ ...address, cars: this.#chosenIn(address.race) ?? address.cars });
    if (this.session.isFromLink) this.tell(sayOtherSession('link'));
    void this.#listRaces();
    new LastStateKeeper(pageStorage(), () => this.#lastState());
    void this.#keepPage();
  }

  /** Another choice was made: it goes into the address, so that it can be sent to a friend, and to the other devices. */
  choose(choice: Choice): void {
    this.#go({ ...this.#address(), cars: choice.cars, focus: choice.focus });
  }

  showCar(car: string): void {
    this.choose(show(this.choice(), car));
  }

  openRace(race: string): void {
    this.#go({ race, cars: [], view: this.view() });
  }

  showView(view: ViewName): void {
    this.#go({ ...this.#address(), view });
  }

  toggleFavourite(car: string): void {
    const { favourites } = this.session.current;
    this.#try(() =>
      this.session.current.setFavourites(
        favourites.includes(car) ? favourites.filter((one) => one !== car) : [...favourites, car],
      ),
    );
    this.#favourites[1](this.session.current.favourites);
  }

  /** The address that opens the race of this page, without a choice. */
  raceAddress(): string {
    return new URL(formatAddress({ race: this.race(), cars: [] }), BASE).href;
  }

  /** What is chosen here is to be found in the session. */
  share({ race, cars }: Pick<Address, 'race' | 'cars'> = this.#address()): void {
    if (race === undefined || cars.length === 0) return;
    const before = this.#chosenIn(race);
    if (before?.join() === cars.join()) return;
    this.#try(() =>
      this.session.current.choose(
        race,
        cars.map((car) => ({ car })),
      ),
    );
  }

  say(problem: string | undefined): void {
    this.#problem[1](problem);
  }

  tell(notice: string | undefined): void {
    this.#notice[1](notice);
  }

  /** The whole field comes as long as somebody shows it. @returns Says that this one does so no longer. */
  viewField(): () => void {
    this.#fieldViewers++;
    this.#watch();
    return () => {
      this.#fieldViewers--;
      this.#watch();
    };
  }

  // ---- how it follows ----

  #address(): Address {
    const { cars, focus } = this.choice();
    return { race: this.race(), cars, focus, view: this.view() };
  }

  #go(address: Address): void {
    history.pushState(OWN, '', formatAddress(address));
    this.tell(undefined);
    this.#pick(address);
  }

  /** Somebody at this page has picked: other devices follow. */
  #pick(address: Address): void {
    this.share(address);
    this.#follow(address);
  }

  #follow({ race, cars, focus, view }: Address): void {
    batch(() => {
      this.#view[1](view ?? VIEWS[0]);
      this.#choice[1](choiceOf(cars.length > 0 ? cars : (this.#chosenIn(race) ?? []), focus));
      if (race !== this.race()) this.#open(race);
      else {
        this.say(undefined);
        this.#watch();
      }
    });
    this.#pickCar();
    this.#writeAddress();
    this.#draw();
  }

  /** What is shown stands in the address, also when this page did not pick it. */
  #writeAddress(): void {
    const address = formatAddress(this.#address());
    const { at: _, ...shown } = readAddress(location.search);
    if (formatAddress(shown) !== address) history.replaceState(OWN, '', address);
  }

  #chosenIn(race: string | undefined): string[] | undefined {
    return race === undefined ? undefined : this.session.current.choiceOf(race)?.watch.map(({ car }) => car);
  }

  #followSession(): void {
    this.playback.followSession();
    this.#favourites[1](this.session.current.favourites);
    const cars = this.#chosenIn(this.race());
    if (cars === undefined || cars.join() === this.choice().cars.join()) return;
    this.#choice[1](follow(this.choice(), cars));
    this.#watch();
    this.#writeAddress();
    this.say(undefined);
    this.#draw();
  }

  #changeSession(why: OtherReason): void {
    const cars = this.#chosenIn(this.race());
    if (cars) this.#choice[1](follow(this.choice(), cars));
    this.#favourites[1](this.session.current.favourites);
    this.#open(this.race());
    this.#writeAddress();
    this.tell(sayOtherSession(why));
    this.#draw();
  }

  #open(name: string | undefined): void {
    this.player()?.close();
    this.#race[1](name);
    this.#player[1](undefined);
    this.#restored[1](readLastState(pageStorage(), name));
    this.#document[1](this.restored()?.document);
    this.#watched = '';
    this.silent.forget();
    this.playback.follow(undefined);
    this.say(undefined);
    if (name === undefined) return;
    const session = this.session.current;
    const watch = watchList(this.choice().cars, undefined, undefined, false);
    const player = this.#try(() =>
      openPlayer({ url: BASE, race: name, watch, session, followsSession: false, delayMs: session.tvDelayMs }),
    );
    if (!player) return;
    this.#player[1](player);
    this.#watched = JSON.stringify(watch);
    this.status.follow(player);
    this.playback.follow(player, this.#wantedMs);
    this.#wantedMs = undefined;
    this.#hear(player);
  }

  #hear(player: Player): void {
    const { race } = player;
    player.on('tick', () => this.#draw());
    player.on('document', () => this.#draw());
    player.on('status', () => this.#draw());
    race.on('tick', () => this.#watch());
    race.on('document', () => {
      // Which cars there are is known at once, however long the TV is behind.
      this.#pickCar();
      this.#watch();
    });
    race.on('watching', () => this.say(undefined));
    player.on('error', (error) => {
      // The connection tells of itself in its own place, and so does a past that is waited for.
      if (player.isWaiting) return;
      if (race.status.phase === 'live' || race.status.phase === 'closed') this.say(error.message);
    });
  }

  #lastState(): LastState | undefined {
    const [race, document, player] = [this.race(), this.player()?.document, this.player()];
    // Nothing newer than at the last visit.
    if (!race || !document || !player || this.restored()) return undefined;
    const cars = this.choice().cars.flatMap((car) => player.car(car) ?? []);
    return { race, savedAtMs: Date.now(), timeMs: player.time, document, cars };
  }

  /** Asks for what is to be seen, when that is something else than before. */
  #watch(): void {
    const player = this.player();
    if (!player) return;
    const { document, catalogue } = player.race;
    const watch = watchList(this.choice().cars, document, catalogue, this.#fieldViewers > 0);
    const asked = JSON.stringify(watch);
    if (asked === this.#watched) return;
    this.#watched = asked;
    this.#try(() => player.watch(watch));
  }

  /** Nobody chose a car: the leader, or the first of the list. */
  #pickCar(): void {
    const race = this.player()?.race.document;
    if (this.focus() !== undefined || !race) return;
    const leader = Object.entries(race.standings).sort(([, a], [, b]) => a.position - b.position)[0]?.[0];
    const car = leader ?? carsOf(race)[0];
    if (car === undefined) return;
    this.#choice[1](choiceOf([car]));
    this.#writeAddress();
    this.#watch();
  }

  #try<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.say((error as Error).message);
      return undefined;
    }
  }

  /** Why there is nothing to see of the car in front, when that is known. */
  #absence(): string | undefined {
    const [player, race, car] = [this.player(), this.document(), this.focus()];
    if (!race || car === undefined || player?.race.status.phase !== 'live' || this.car(car)) return undefined;
    if (carsOf(race).includes(car))
      return `Nothing is heard of car ${car} at the moment; it is shown as soon as it sends.`;
    return `Car ${car} is not in this race; it is shown as soon as it joins, or choose another one with “Drivers”.`;
  }

  /** Has the browser keep the page for a time without a network. */
  async #keepPage(): Promise<void> {
    try {
      const { registerOffline } = await import('../offline/register.ts');
      const kept = await registerOffline();
      document.body.dataset.offline = kept.state;
      this.#offline[1](kept.state === 'ready' ? 'This page starts.' : kept.reason);
    } catch (error) {
      this.#offline[1](`It is not known: ${(error as Error).message}`);
    }
  }

  async #listRaces(): Promise<void> {
    try {
      this.#races[1](await listRaces(BASE));
      const first = this.races()[0]?.race;
      if (this.race() === undefined && first !== undefined) this.#follow({ ...this.#address(), race: first });
      else if (first === undefined)
        this.say('There is no race on this server yet; this page looks again every few seconds.');
    } catch (error) {
      // A race that is being followed has a status line of its own; without one, that of the last visit is better than nothing.
      const last = this.player() ? undefined : readLastState(pageStorage(), undefined);
      if (last) this.#follow({ ...this.#address(), race: last.race });
      else if (!this.player()) this.say((error as Error).message);
    }
    setTimeout(() => void this.#listRaces(), LIST_EVERY_MS);
  }

  #look(): void {
    const player = this.player();
    if (player) this.status.look(player.race, performance.now(), player.mode !== 'live' || player.isPaused);
  }

  /** Draws once per picture, however many ticks came; not at all while the page is in the background. */
  #draw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      batch(() => this.#drawNow());
    });
  }

  #drawNow(): void {
    const player = this.player();
    const car = this.focus() === undefined ? undefined : player?.car(this.focus()!);
    if (car || (player?.document && player.race.status.phase === 'live')) this.#restored[1](undefined);
    this.#document[1](player?.document ?? this.restored()?.document);
    this.#picture[1](this.picture() + 1);
    this.silent.see(car);
    // Of a car that was only on the map so far, the rest is on its way.
    document.body.dataset.tick = String((car?.view === WHOLE && car.tick) || '');
    this.#look();
    this.playback.show(this.focus());
  }
}
