import { BUNDLE, readBundle } from '../../protocol/bundle.ts';
import type { EdgeMessage, Hello, Rate, Receipt, Watch, Welcome } from '../../protocol/control.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { FRAME } from '../../protocol/frames.ts';
import { PROTOCOL_VERSION } from '../../protocol/tick-message.ts';
import { Answers } from './answers.ts';
import { type CarView, viewCar } from './car-view.ts';
import { fetchAhead, loadCatalogue } from './catalogue-store.ts';
import { Connection } from './connection.ts';
import type { ConnectionState } from './connection-state.ts';
import { parseEdgeMessage } from './edge-message.ts';
import { Emitter } from './emitter.ts';
import { type ConnectOptions, readOptions, readRate, readWish, type Settings } from './options.ts';
import type { PageEvent } from './page.ts';
import type { Race, RaceEvents } from './race.ts';
import { joinSession, type RaceSession } from './race-session.ts';
import { Replica } from './replica.ts';
import { StaleNotice } from './stale-notice.ts';
import { Tally } from './statistics.ts';
import { Wishes } from './wishes.ts';

/** In a race that stands still no tick brings what was newly chosen; after this long, three ticks, it is asked for. */
const PATIENCE_MS = 1500;

/**
 * Follows one race: connects at once, and again after every loss, until `close()`.
 * @throws {ConfigError} when an option cannot be used; nothing was started.
 */
export const connect = (options: ConnectOptions): Race => new RaceClient(readOptions(options));

/** Joins the parts: the connection brings messages, the replica holds the race, the fan is told. */
class RaceClient implements Race {
  readonly #settings: Settings;
  readonly #connection: Connection;
  readonly #replica = new Replica();
  readonly #tally = new Tally();
  readonly #stale = new StaleNotice();
  readonly #emitter = new Emitter<RaceEvents>(() => this.#tally.add('listenerErrors'));
  #loading: AbortController | undefined;
  /** The catalogue, which most likely is the one of the welcome. */
  readonly #ahead: Promise<void>;
  readonly #aheadAbort = new AbortController();
  readonly #wishes: Wishes;
  readonly #answers: Answers;
  readonly #stopListening: (() => void) | undefined;
  readonly #session: RaceSession | undefined;
  #patienceTimer: ReturnType<typeof setTimeout> | undefined;
  /** The link on which a snapshot was asked for that has not come. */
  #snapshotAsked: object | undefined;
  /** The link that has been welcomed. */
  #greeted: object | undefined;
  #edge: string | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#answers = new Answers(settings.deadlines.answerMs, () =>
      this.#connection.on({ type: 'lost', reason: 'the edge did not answer' }),
    );
    this.#wishes = new Wishes(settings, (message) => {
      if (!this.#isGreeted || !this.#connection.send(message)) return false;
      // Not where another link was opened for it: its answer is awaited when that is welcomed.
      if (this.#isGreeted) this.#answers.asked();
      return true;
    });
    this.#connection = new Connection(settings, {
      hello: (isAnew) => this.#hello(isAnew),
      onMessage: (message) => this.#receive(message),
      onPhase: (state) => this.#tellPhase(state),
      onRefused: (code, reason) =>
        this.#emitter.emit('error', new ProtocolError(code, `The edge refused this client: ${reason}.`)),
    });
    this.#session = joinSession(settings, {
      send: (message) => this.#connection.send(message),
      choose: ({ watch, channels }) => settings.followsSession && this.watch(watch, channels),
      position: () => this.position,
    });
    this.#stopListening = settings.page?.listen((event) => this.#hearPage(event));
    this.#connection.start();
    const { race, fetch } = settings;
    this.#ahead = fetchAhead(race, this.#connection.base.href, fetch, this.#aheadAbort.signal);
  }

  // ---- what the fan sees ----

  get session() {
    return this.#settings.session;
  }

  get choice(): readonly Watch[] {
    return this.#wishes.choice;
  }

  get channels() {
    return this.#wishes.channels;
  }

  get rate() {
    return this.#wishes.rate;
  }

  get status(): ConnectionState {
    return this.#connection.state;
  }

  get transport() {
    return this.#connection.transport;
  }

  get edge() {
    return this.#edge;
  }

  get document() {
    return this.#replica.document;
  }

  get catalogue() {
    return this.#replica.catalogue;
  }

  get position() {
    return this.#replica.position;
  }

  get stale() {
    return this.#stale.value;
  }

  statistics() {
    return this.#tally.read(this.#settings.now(), this.transport);
  }

  on<Name extends keyof RaceEvents>(name: Name, listener: (value: RaceEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  cars(): CarView[] {
    return this.choice.flatMap(({ car }) => this.car(car) ?? []);
  }

  car(id: string): CarView | undefined {
    const held = this.#held(id);
    return held && viewCar(this.#replica.catalogue!, this.#replica.at!, held);
  }

  state(id: string): Int32Array | undefined {
    return this.#held(id)?.state;
  }

  #held(id: string) {
    return this.choice.some(({ car }) => car === id) ? this.#replica.find(id) : undefined;
  }

  watch(choice: Parameters<Race['watch']>[0], channels = this.channels): void {
    this.#wishes.set(readWish(choice, channels));
  }

  unwatch(car: string): void {
    if (this.choice.some((one) => one.car === car)) this.watch(this.choice.filter((one) => one.car !== car));
  }

  setRate(rate: Rate): void {
    this.#wishes.setRate(readRate(rate));
  }

  resync(): void {
    if (this.#isGreeted && !this.#isSnapshotAsked) this.#drift('a snapshot was asked for');
  }

  probe(): void {
    this.#connection.on({ type: 'probe' });
  }

  close(): void {
    this.#connection.on({ type: 'close' });
  }

  #hearPage(event: PageEvent): void {
    if (event === 'awake') this.#connection.networkChanged();
    else this.#wishes.setHidden(event === 'hidden');
    // Phones drop sockets in the background without telling.
    if (event !== 'hidden') this.probe();
  }

  // ---- the connection ----

  get #isGreeted(): boolean {
    return this.#greeted !== undefined && this.#greeted === this.#connection.link;
  }

  get #isSnapshotAsked(): boolean {
    return this.#snapshotAsked !== undefined && this.#snapshotAsked === this.#connection.link;
  }

  #hello(isAnew: boolean): Hello {
    const { history, wantsDocument } = this.#settings;
    const held = this.#replica.holding(wantsDocument);
    // Who was here and has lost what it held says so: the edge leaves out what a newcomer would be refused for.
    const since = held ? { since: held.since } : this.position && { since: 'garbled' as const };
    const hello = this.#wishes.hello(held?.wish, isAnew && held !== undefined);
    return { version: PROTOCOL_VERSION, history, doc: wantsDocument, ...hello, ...since };
  }

  #tellPhase(state: ConnectionState): void {
    // Each of these began without the socket that asked for the catalogue.
    if (state.phase === 'connecting' || state.phase === 'waiting' || state.phase === 'closed') {
      this.#loading?.abort();
      this.#aheadAbort.abort();
      clearTimeout(this.#patienceTimer);
      this.#wishes.stop();
      this.#answers.stop();
      this.#session?.lost();
    }
    this.#emitter.emit('status', state);
    if (state.phase !== 'closed') return;
    this.#session?.close();
    this.#stopListening?.();
    this.#emitter.clear();
  }

  #receive(message: string | Uint8Array): void {
    this.#tally.add('bytes', message.length);
    try {
      if (typeof message === 'string') this.#receiveText(message);
      else if (message[0] === FRAME.doc) this.#receiveDocument(message);
      else if (message[0] === BUNDLE) for (const frame of readBundle(message)) this.#receiveTick(frame);
      else this.#receiveTick(message);
    } catch (error) {
      this.#tally.refused(error);
      this.#emitter.emit('error', error as Error);
      // A bad text does not touch what is held.
      if (typeof message !== 'string') this.#drift((error as Error).message);
    }
  }

  #receiveTick(bytes: Uint8Array): void {
    const tick = this.#replica.applyTick(bytes);
    if (!tick) {
      this.#tally.add('ignored');
      if (!this.#isSnapshotAsked) this.#drift('a snapshot is missing');
      return;
    }
    if (tick.snapshot) {
      this.#snapshotAsked = undefined;
      // What it lacks of the choice is not to be had.
      clearTimeout(this.#patienceTimer);
    }
    this.#tally.tick(tick.closeAtMs, this.#settings.now());
    if (tick.conflated) this.#tally.add('conflated');
    this.#connection.on({ type: 'applied' });
    this.#tellStale(this.#stale.tick(tick.tick));
    this.#emitter.emit('tick', tick);
  }

  #receiveDocument(bytes: Uint8Array): void {
    if (this.#replica.applyDocument(bytes)) this.#emitter.emit('document', this.#replica.document!);
  }

  #drift(reason: string): void {
    this.#replica.distrust();
    this.#connection.on({ type: 'drift', reason });
    const { phase } = this.#connection.state;
    // An edge that leaves serves until the slot of this client, which may be a minute away.
    if (phase !== 'repairing' && phase !== 'leaving') return;
    this.#snapshotAsked = this.#connection.link;
    this.#connection.send({ type: 'resync' });
  }

  // ---- control messages ----

  #receiveText(text: string): void {
    const message = parseEdgeMessage(text);
    if (message?.type === 'welcome') this.#welcome(message);
    else if (message?.type === 'watching') this.#watching(message);
    else if (message?.type === 'rate') this.#tellRate(message);
    else if (message?.type === 'error') this.#refuse(message);
    else if (message?.type === 'session') this.#session?.hear(message);
    else if (message?.type === 'bye') this.#connection.on(message);
    else if (message?.type === 'repair') this.#receipt(message);
    else if (message?.type === 'stale') this.#tellStale(this.#stale.take(message));
  }

  #tellStale(hasChanged: boolean): void {
    if (hasChanged) this.#emitter.emit('stale', this.#stale.value);
  }

  #receipt(receipt: Receipt): void {
    this.#tally.receipt(receipt);
    // Nothing was missed, so no frame follows, and in a race that stands still none for a long time.
    if (receipt.kind !== 'snapshot' && receipt.ticks === 0) this.#connection.on({ type: 'applied' });
    this.#emitter.emit('receipt', receipt);
  }

  #welcome(welcome: Welcome): void {
    if (welcome.version !== PROTOCOL_VERSION) {
      const reason = `it speaks version ${welcome.version} of the protocol, this client version ${PROTOCOL_VERSION}`;
      this.#emitter.emit('error', new ProtocolError('bad_version', `The edge cannot be used: ${reason}.`));
      this.#connection.on({ type: 'refused', reason });
      return;
    }
    const isFirst = !this.#isGreeted;
    if (this.#edge !== undefined && isFirst) this.#tally.add('reconnects');
    this.#edge = welcome.edge;
    this.#greeted = this.#connection.link;
    this.#connection.on(welcome);
    this.#tellStale(this.#stale.welcome(welcome.epoch));
    this.#session?.greeted();
    this.#connection.hold();
    void this.#loadCatalogue(welcome);
    if (isFirst) for (let left = this.#wishes.welcomed(); left > 0; left--) this.#answers.asked();
    this.#wishes.tell();
  }

  async #loadCatalogue({ epoch, catalogue: hash }: Welcome): Promise<void> {
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    try {
      await this.#ahead;
      const catalogue = await loadCatalogue(hash, this.#connection.base.href, this.#settings.fetch, loading.signal);
      if (loading.signal.aborted) return;
      this.#replica.begin(epoch, catalogue, this.#wishes.agreed.channels);
    } catch (error) {
      if (loading.signal.aborted) return;
      this.#emitter.emit('error', error as Error);
      this.#connection.on({ type: 'lost', reason: 'the catalogue of the race cannot be had' });
      return;
    }
    this.#connection.release();
  }

  #watching(message: RaceEvents['watching']): void {
    this.#replica.choose(message);
    this.#wishes.agree(message);
    // Without an id it answers nothing: it says what is left in another catalogue.
    if (message.id > 0) this.#answers.came();
    clearTimeout(this.#patienceTimer);
    const awaited = message.watch.filter(({ car }) => !message.unknown.includes(car));
    if (awaited.some((one) => !this.#replica.isHeld(one))) {
      this.#patienceTimer = setTimeout(() => {
        // What is held stays good: were the answer lost with the connection, so would be the ticks until the next one.
        if (awaited.some((one) => !this.#replica.isHeld(one))) this.#connection.send({ type: 'resync' });
      }, PATIENCE_MS);
    }
    this.#emitter.emit('watching', message);
  }

  #tellRate(message: RaceEvents['rate']): void {
    this.#answers.came();
    this.#wishes.agreeRate(message.rate as Rate);
    this.#emitter.emit('rate', message);
  }

  #refuse({ code, message }: Extract<EdgeMessage, { type: 'error' }>): void {
    if (code === 'bad_session') this.#session?.refused();
    else {
      const isAnswer = this.#answers.came();
      // Unasked, it says that a choice has lost something: `watching` says what is left.
      if (isAnswer && (code === 'bad_watch' || code === 'too_many_cars')) this.#wishes.goBack();
    }
    this.#emitter.emit('error', new ProtocolError(code, message));
  }
}
