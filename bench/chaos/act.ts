import type { StreamOracle } from '../../testing/stream-oracle.ts';
import { pause } from '../live-race.ts';
import { round } from '../machine.ts';
import type { FanTally } from './fan-tally.ts';
import type { Fault, Scene } from './faults.ts';

/** Beyond this a fan that is not back counts as lost for good. */
const RECOVER_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 200;
/** Last words of an ingest that has lost its race to the other one: it ends so that the race has one truth. */
const LOST_RACE = /^ingest .*Another (publisher|process) /;

/** What one fault did. */
export interface Row {
  readonly fault: string;
  /** From the first fault on. */
  readonly at_s: number;
  /** How long the harm was there. */
  readonly lasted_s: number;
  /** From its end until every fan holds a tick that closed after it. */
  readonly recover_s: number | undefined;
  /** The longest time without a new tick for anybody, from the begin of the harm to the next fault; 0.5 s lie between two. */
  readonly silent_s: number;
  /** Whoever came last: the stream, or groups of fans. */
  readonly waited_for: string;
  readonly lost: number;
  readonly doubled: number;
  readonly wrong: number;
}

/** One stage, the fans before it and what is done to them. */
export class Act {
  readonly #scene: Scene;
  readonly #oracle: StreamOracle;
  readonly #say: (text: string) => void;
  readonly #startMs = performance.now();
  #before: FanTally;
  #deathsBefore = 0;
  readonly rows: Row[] = [];

  private constructor(scene: Scene, oracle: StreamOracle, before: FanTally, say: (text: string) => void) {
    this.#scene = scene;
    this.#oracle = oracle;
    this.#before = before;
    this.#say = say;
  }

  /** Begins when every fan is at the newest tick. @throws {Error} when that takes too long. */
  static async begin(scene: Scene, oracle: StreamOracle, say: (text: string) => void): Promise<Act> {
    const act = new Act(scene, oracle, await scene.fans.tally(), say);
    const { isSo, last } = await act.#untilRecovered();
    if (!isSo) throw new Error(`Not everybody had a tick before the first fault; what was missing: ${last}.`);
    return new Act(scene, oracle, act.#before, say);
  }

  get passedS(): number {
    return (performance.now() - this.#startMs) / 1000;
  }

  /** The newest tick, if it closed after a moment; `undefined` when there is none yet, or NATS cannot be asked. */
  async #tickAfter(atMs: number): Promise<number | undefined> {
    if (!(await this.#read())) return undefined;
    const { head } = this.#oracle;
    return head && head.closeAtMs > atMs ? head.tick : undefined;
  }

  /** @returns Whether NATS could be asked: it may be away. What is not read now is read later, at the latest in {@link end}. */
  async #read(): Promise<boolean> {
    try {
      await this.#oracle.read();
      return true;
    } catch {
      return false;
    }
  }

  /** @returns Whether every fan holds a tick that closed after now, in time; and what was waited for last. */
  async #untilRecovered(): Promise<{ readonly isSo: boolean; readonly last: string }> {
    const nowMs = Date.now();
    const deadlineMs = performance.now() + RECOVER_WITHIN_MS;
    let last = '';
    let target: number | undefined;
    for (;;) {
      target ??= await this.#tickAfter(nowMs);
      const behind = target === undefined ? ['the stream'] : await this.#scene.fans.behind(target);
      if (behind.length === 0) return { isSo: true, last };
      last = behind.join(', ');
      if (performance.now() > deadlineMs) return { isSo: false, last };
      await pause(LOOK_EVERY_MS);
    }
  }

  /** Does the harm, waits until all is well again, and some time more. */
  async do(fault: Fault, steadyMs: number): Promise<void> {
    const atS = this.passedS;
    this.#say(`${atS.toFixed(0).padStart(4)} s  ${fault.name}: ${fault.summary}`);
    const { fans, stage } = this.#scene;
    const beganAtMs = performance.now();
    fans.takeSilence();
    await fault.run(this.#scene);
    const mendedAtMs = performance.now();
    const { isSo, last } = await this.#untilRecovered();
    const recoverS = isSo ? round((performance.now() - mendedAtMs) / 1000, 1) : undefined;
    await pause(steadyMs);
    const missing = await stage.untilWhole();
    if (missing.length > 0) this.#say(`        ${missing.join(', ')}`);
    const counted = await this.#count((isSo ? 0 : 1) + missing.length);
    this.#say(`        ${isSo ? `recovered after ${recoverS} s` : `not recovered: ${last}`}; ${words(counted)}`);
    this.rows.push({
      fault: fault.name,
      at_s: round(atS, 0),
      lasted_s: round((mendedAtMs - beganAtMs) / 1000, 1),
      recover_s: recoverS,
      silent_s: round(fans.takeSilence() / 1000, 1),
      waited_for: last,
      ...counted,
    });
  }

  /** Lets everything come to rest, and judges what has not been judged yet. @param name Of the row. */
  async end(name: string): Promise<void> {
    this.#say('settling');
    const { fans } = this.#scene;
    fans.settle();
    const { isSo, last } = await this.#untilRecovered();
    await this.#oracle.read();
    this.#oracle.finish();
    const { fault } = this.#oracle;
    if (fault) this.#say(`The stream is not whole: ${fault}`);
    const counted = await this.#count((isSo ? 0 : 1) + fans.missingCars() + (fault ? 1 : 0));
    for (const difference of fans.differences()) this.#say(difference);
    const at_s = round(this.passedS, 0);
    this.rows.push({ fault: name, at_s, lasted_s: 0, recover_s: 0, silent_s: 0, waited_for: last, ...counted });
  }

  /** What was counted since the last time. @param wrong What is wrong besides. */
  async #count(wrong: number): Promise<Pick<Row, 'lost' | 'doubled' | 'wrong'>> {
    await this.#read();
    const { stage, fans } = this.#scene;
    const deaths = stage.deaths.slice(this.#deathsBefore);
    this.#deathsBefore = stage.deaths.length;
    for (const death of deaths) this.#say(`        ${death}`);
    const now = await fans.tally();
    const before = this.#before;
    this.#before = now;
    return {
      lost: now.lost - before.lost,
      doubled: now.doubled - before.doubled,
      wrong: now.wrong - before.wrong + wrong + deaths.filter((death) => !LOST_RACE.test(death)).length,
    };
  }
}

const words = ({ lost, doubled, wrong }: Pick<Row, 'lost' | 'doubled' | 'wrong'>): string =>
  `lost ${lost}, doubled ${doubled}, wrong ${wrong}`;
