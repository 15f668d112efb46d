import { openPlayer, type Player, type RaceDocument } from '../client/mod.ts';
import { type Address, formatAddress, readAddress } from './address.ts';
import { CarPanel } from './car-panel.ts';
import { ChannelTable } from './channel-table.ts';
import { DevicesDialog } from './devices-dialog.ts';
import { byId, setText } from './dom.ts';
import { Leaderboard } from './leaderboard.ts';
import { type OtherReason, PageSession } from './page-session.ts';
import { fillChoices, showRaceHeader } from './race-header.ts';
import { type ListedRace, listRaces } from './race-list.ts';
import { StatusStrip } from './status-strip.ts';
import { Playback } from './time/playback.ts';
import { sayCar, sayOtherSession } from './words.ts';

const LIST_EVERY_MS = 5000;
const STATUS_EVERY_MS = 250;
const BASE = document.baseURI;
/** State of an entry in the history that this page wrote itself. */
const OWN = 'own';

/** The page: one race, one car, and what is known of both. */
class Page {
  readonly #panel = new CarPanel(byId('car'));
  readonly #board = new Leaderboard(byId('standings'), (car) => this.choose({ car }));
  readonly #table = new ChannelTable(byId('channels'));
  readonly #strip = new StatusStrip();
  readonly #playback = new Playback(byId('time'), {
    session: () => this.#session.current,
    addressOf: (at) => new URL(formatAddress({ race: this.#raceName, car: this.#car, at }), BASE).href,
    showAddress: (address) => history.replaceState(OWN, '', address),
    say: (problem) => this.#say(problem),
    tell: (notice) => this.#tell(notice),
    draw: () => this.#draw(),
  });
  readonly #raceChoice = byId<HTMLSelectElement>('race-choice');
  readonly #carChoice = byId<HTMLSelectElement>('car-choice');
  readonly #problem = byId('problem');
  readonly #notice = byId('notice');
  readonly #session = new PageSession(BASE, {
    onOther: (why) => this.#changeSession(why),
    onChange: () => this.#followSession(),
  });
  #player: Player | undefined;
  /** Race time that the address asked for. */
  #wantedMs: number | undefined;
  #raceName: string | undefined;
  #car: string | undefined;
  #races: readonly ListedRace[] = [];
  #isDrawing = false;
  #error: string | undefined;

  start(): void {
    this.#raceChoice.addEventListener('change', () => this.choose({ race: this.#raceChoice.value, car: undefined }));
    this.#carChoice.addEventListener('change', () => this.choose({ car: this.#carChoice.value }));
    window.addEventListener('popstate', () => this.#pick(readAddress(location.search)));
    new DevicesDialog(byId('devices-open'), {
      session: () => this.#session.current,
      address: () => new URL(formatAddress({ race: this.#raceName, car: undefined }), BASE).href,
      beforeLink: () => this.#session.current.choiceOf(this.#raceName ?? '') ?? this.#share(),
      leave: () => this.#session.leave(),
    });
    setInterval(() => this.#showStatus(), STATUS_EVERY_MS);
    const address = readAddress(location.search);
    this.#wantedMs = address.at;
    // A car that this page wrote into the address itself is no choice: another device may have made one since.
    if (address.car !== undefined && history.state !== OWN && !this.#session.isFromLink) this.#pick(address);
    else this.#follow({ ...address, car: this.#chosenIn(address.race) ?? address.car });
    if (this.#session.isFromLink) this.#tell(sayOtherSession('link'));
    void this.#listRaces();
  }

  /** Another race or car was picked: goes into the address, so that it can be sent to a friend. */
  choose(choice: { race?: string; car: string | undefined }): void {
    const address = { race: choice.race ?? this.#raceName, car: choice.car };
    history.pushState(OWN, '', formatAddress(address));
    this.#tell(undefined);
    this.#pick(address);
  }

  /** Somebody at this page has picked a car: other devices follow. */
  #pick(address: Address): void {
    this.#share(address);
    this.#follow(address);
  }

  #share({ race, car }: Address = { race: this.#raceName, car: this.#car }): void {
    if (race === undefined || car === undefined) return;
    try {
      this.#session.current.choose(race, [{ car }]);
    } catch (error) {
      this.#say((error as Error).message);
    }
  }

  #follow({ race, car }: Address): void {
    this.#car = car ?? this.#chosenIn(race);
    if (race !== this.#raceName) this.#open(race);
    else this.#watch();
    this.#writeAddress();
    this.#draw();
  }

  /** What is shown stands in the address, also when this page did not pick it. */
  #writeAddress(): void {
    const [race, car] = [this.#raceName, this.#car];
    const { race: isRace, car: isCar } = readAddress(location.search);
    if (race !== isRace || car !== isCar) history.replaceState(OWN, '', formatAddress({ race, car }));
  }

  #chosenIn(race: string | undefined): string | undefined {
    return race === undefined ? undefined : this.#session.current.choiceOf(race)?.watch[0]?.car;
  }

  /** The cars of the race follow by themselves; the page has to show another one. */
  #followSession(): void {
    this.#playback.followSession();
    const car = this.#chosenIn(this.#raceName);
    if (car === undefined || car === this.#car) return;
    this.#car = car;
    this.#writeAddress();
    this.#say(undefined);
  }

  #changeSession(why: OtherReason): void {
    this.#car = this.#chosenIn(this.#raceName) ?? this.#car;
    this.#open(this.#raceName);
    this.#writeAddress();
    this.#tell(sayOtherSession(why));
    this.#draw();
  }

  #tell(notice: string | undefined): void {
    this.#notice.hidden = notice === undefined;
    setText(this.#notice, notice ?? '');
  }

  #open(name: string | undefined): void {
    this.#player?.close();
    this.#raceName = name;
    this.#player = undefined;
    this.#playback.follow(undefined);
    this.#strip.reset();
    this.#say(undefined);
    if (name === undefined) return;
    let player: Player;
    try {
      const watch = this.#car === undefined ? [] : [{ car: this.#car }];
      const session = this.#session.current;
      player = openPlayer({ url: BASE, race: name, watch, session, delayMs: session.tvDelayMs });
    } catch (error) {
      this.#say((error as Error).message);
      return;
    }
    this.#player = player;
    this.#playback.follow(player, this.#wantedMs);
    this.#wantedMs = undefined;
    const { race } = player;
    player.on('tick', () => this.#draw());
    player.on('document', () => this.#draw());
    player.on('status', () => this.#draw());
    // Which cars there are is known at once, however long the TV is behind.
    race.on('document', () => this.#pickCar());
    race.on('receipt', (receipt) => this.#strip.receipt(receipt));
    race.on('watching', () => this.#say(undefined));
    player.on('error', (error) => {
      // The connection tells of itself in its own place, and so does a past that is waited for.
      if (player.isWaiting) return;
      if (race.status.phase === 'live' || race.status.phase === 'closed') this.#say(error.message);
    });
  }

  #watch(): void {
    this.#say(undefined);
    const { choice } = this.#player ?? {};
    if (choice?.length === 1 && choice[0]!.car === this.#car) return;
    try {
      this.#player?.watch(this.#car === undefined ? [] : [{ car: this.#car }]);
    } catch (error) {
      this.#say((error as Error).message);
    }
  }

  /** Nobody chose a car: the leader, or the first of the list. */
  #pickCar(): void {
    const race = this.#player?.race.document;
    if (this.#car !== undefined || !race) return;
    const leader = Object.entries(race.standings).sort(([, a], [, b]) => a.position - b.position)[0]?.[0];
    const car = leader ?? carsOf(race)[0];
    if (car === undefined) return;
    this.#car = car;
    this.#writeAddress();
    this.#watch();
  }

  #say(problem: string | undefined): void {
    this.#error = problem;
    this.#draw();
  }

  /** Why there is nothing to see of the chosen car, when that is known. */
  #absence(): string | undefined {
    const player = this.#player;
    const document = player?.document;
    if (!document || this.#car === undefined || player.race.status.phase !== 'live' || player.car(this.#car))
      return undefined;
    if (carsOf(document).includes(this.#car)) return `Nothing is heard of car ${this.#car} at the moment.`;
    return `Car ${this.#car} is not in this race; it is shown as soon as it joins, and the list above has the others.`;
  }

  async #listRaces(): Promise<void> {
    try {
      this.#races = await listRaces(BASE);
      const first = this.#races[0]?.race;
      if (this.#raceName === undefined && first !== undefined) {
        this.#follow({ race: first, car: this.#car });
      } else if (first === undefined)
        this.#say('There is no race on this server yet; this page looks again every few seconds.');
      this.#draw();
    } catch (error) {
      // A race that is being followed has a status line of its own.
      if (!this.#player) this.#say((error as Error).message);
    }
    setTimeout(() => void this.#listRaces(), LIST_EVERY_MS);
  }

  #showStatus(): void {
    const player = this.#player;
    if (player) this.#strip.show(player.race, performance.now(), player.mode !== 'live' || player.isPaused);
  }

  /** Draws once per picture, however many ticks came; not at all while the page is in the background. */
  #draw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#drawNow();
    });
  }

  #drawNow(): void {
    const player = this.#player;
    const race = player?.document;
    const car = this.#car === undefined ? undefined : player?.car(this.#car);
    showRaceHeader(this.#raceName, race);
    fillChoices(
      this.#raceChoice,
      new Map(this.#races.map(({ race: id, name }) => [id, name ?? id])),
      this.#raceName ?? '',
    );
    fillChoices(this.#carChoice, choicesOf(race), this.#car ?? '');
    this.#panel.show(this.#car, car, race);
    this.#board.show(race, this.#car);
    this.#table.show(car);
    document.title = [this.#car && sayCar(this.#car), race?.session.name, 'Slipstream'].filter(Boolean).join(' · ');
    const problem = this.#error ?? this.#absence();
    this.#problem.hidden = problem === undefined;
    setText(this.#problem, problem ?? '');
    document.body.dataset.tick = String(car?.tick ?? '');
    if (!player) return;
    this.#showStatus();
    this.#playback.show(this.#car);
  }
}

function carsOf(race: RaceDocument): string[] {
  const cars = new Set([...Object.keys(race.roster), ...Object.keys(race.standings)]);
  return [...cars].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

const choicesOf = (race: RaceDocument | undefined): ReadonlyMap<string, string> =>
  new Map(
    (race ? carsOf(race) : []).map((car) => [car, [sayCar(car), race!.roster[car]?.driver].filter(Boolean).join(' ')]),
  );

new Page().start();
