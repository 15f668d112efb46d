import { batch, createSignal } from 'solid-js';
import { readLastState } from '../offline/last-state.ts';
import { LastStateKeeper, pageStorage } from '../offline/last-state-keeper.ts';
import { Playback } from '../time/playback.ts';
import { sayOtherSession } from '../words.ts';
import { type Address, formatAddress, readAddress, VIEWS, type ViewName } from './address.ts';
import { type Choice, choiceOf, follow, isSame, NO_CHOICE, show } from './choice.ts';
import { type OtherReason, PageSession } from './page-session.ts';
import { type ListedRace, listRaces } from './race-list.ts';
import { openSettings } from './settings.ts';
import { ShownRace } from './shown-race.ts';
import { carsOf } from './watch-list.ts';

const LIST_EVERY_MS = 5000;
/** A page that knows which race it shows has time for the others. */
const LIST_AFTER_MS = 1500;
/** What is for later waits for the first figures, but not longer than so. */
const KEEP_AFTER_MS = 10_000;
const BASE = document.baseURI;
/** State of an entry in the history that this page wrote itself. */
const OWN = 'own';

/** What the page knows and does. Everything that components read here tells them when it changes. */
export class Page {
  readonly settings = openSettings();
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
    draw: () => this.shown.draw(),
  });
  readonly shown = new ShownRace({
    choice: () => this.choice(),
    onField: (race) => this.#pickCar(race),
    onPicture: () => {
      this.playback.show(this.focus());
      if (this.shown.car(this.focus())) this.#keepPage();
    },
    say: (problem) => this.say(problem),
  });
  readonly #races = createSignal<readonly ListedRace[]>([]);
  readonly #choice = createSignal(NO_CHOICE, { equals: isSame });
  readonly #view = createSignal<ViewName>(VIEWS[0]);
  readonly #favourites = createSignal<readonly string[]>([]);
  readonly #problem = createSignal<string | undefined>();
  readonly #notice = createSignal<string | undefined>();
  readonly #offline = createSignal('It is being found out.');
  #isKeeping = false;
  /** Race time that the address asked for. */
  #wantedMs: number | undefined;

  // ---- what components read ----

  readonly races = this.#races[0];
  readonly choice = this.#choice[0];
  readonly view = this.#view[0];
  readonly favourites = this.#favourites[0];
  readonly notice = this.#notice[0];
  /** Whether the page will start without a network, as a sentence. */
  readonly offline = this.#offline[0];

  /** The car that fills the page. */
  focus(): string | undefined {
    return this.choice().focus;
  }

  /** What is wrong, as a sentence with a next step. */
  problem(): string | undefined {
    return this.#problem[0]() ?? this.shown.absence(this.focus());
  }

  // ---- what people do ----

  start(): void {
    window.addEventListener('popstate', () => this.#pick(readAddress(location.search)));
    const address = readAddress(location.search);
    this.#wantedMs = address.at;
    this.#favourites[1](this.session.current.favourites);
    // Cars that this page wrote into the address itself are no choice: another device may have made one since.
    if (address.cars.length > 0 && history.state !== OWN && !this.session.isFromLink) this.#pick(address);
    else this.#follow({ ...address, cars: this.#chosenIn(address.race) ?? address.cars });
    if (this.session.isFromLink) this.tell(sayOtherSession('link'));
    if (this.shown.name() === undefined) void this.#listRaces();
    else setTimeout(() => void this.#listRaces(), LIST_AFTER_MS);
    new LastStateKeeper(pageStorage(), () => this.shown.lastState());
    setTimeout(() => this.#keepPage(), KEEP_AFTER_MS);
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
    return new URL(formatAddress({ race: this.shown.name(), cars: [] }), BASE).href;
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

  // ---- how it follows ----

  #address(): Address {
    const { cars, focus } = this.choice();
    return { race: this.shown.name(), cars, focus, view: this.view() };
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
      if (race !== this.shown.name()) this.#open(race);
      else {
        this.say(undefined);
        this.shown.watch();
      }
    });
    this.#pickCar();
    this.#writeAddress();
    this.shown.draw();
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
    const cars = this.#chosenIn(this.shown.name());
    if (cars === undefined || cars.join() === this.choice().cars.join()) return;
    this.#choice[1](follow(this.choice(), cars));
    this.shown.watch();
    this.#writeAddress();
    this.say(undefined);
    this.shown.draw();
  }

  #changeSession(why: OtherReason): void {
    const cars = this.#chosenIn(this.shown.name());
    if (cars) this.#choice[1](follow(this.choice(), cars));
    this.#favourites[1](this.session.current.favourites);
    this.#open(this.shown.name());
    this.#writeAddress();
    this.tell(sayOtherSession(why));
    this.shown.draw();
  }

  #open(name: string | undefined): void {
    this.playback.follow(undefined);
    this.say(undefined);
    const session = this.session.current;
    const player = this.shown.open(name, { url: BASE, session, delayMs: session.tvDelayMs });
    if (!player) return;
    this.playback.follow(player, this.#wantedMs);
    this.#wantedMs = undefined;
  }

  /** Nobody chose a car: the leader, or the first of the list. */
  #pickCar(race = this.shown.player()?.race.document): void {
    if (this.focus() !== undefined || !race) return;
    const leader = Object.entries(race.standings).sort(([, a], [, b]) => a.position - b.position)[0]?.[0];
    const car = leader ?? carsOf(race)[0];
    if (car === undefined) return;
    this.#choice[1](choiceOf([car]));
    this.#writeAddress();
    this.shown.watch();
  }

  #try<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.say((error as Error).message);
      return undefined;
    }
  }

  /** Has the browser keep the page for a time without a network, once. */
  #keepPage(): void {
    if (this.#isKeeping) return;
    this.#isKeeping = true;
    void this.#tellKept();
  }

  async #tellKept(): Promise<void> {
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
      if (this.shown.name() === undefined && first !== undefined) this.#follow({ ...this.#address(), race: first });
      else if (first === undefined)
        this.say('There is no race on this server yet; this page looks again every few seconds.');
    } catch (error) {
      // A race that is being followed has a status line of its own; without one, that of the last visit is better than nothing.
      const last = this.shown.player() ? undefined : readLastState(pageStorage(), undefined);
      if (last) this.#follow({ ...this.#address(), race: last.race });
      else if (!this.shown.player()) this.say((error as Error).message);
    }
    setTimeout(() => void this.#listRaces(), LIST_EVERY_MS);
  }
}
