import { setMaxListeners } from 'node:events';
import { connectNats } from '../broker/connection.ts';
import type { Usage, Values } from '../cli/flags.ts';
import { createRandom } from '../ingest/simulator/random.ts';
import { StreamOracle } from '../testing/stream-oracle.ts';
import type { FanTally } from './chaos/fan-tally.ts';
import { ChaosFans } from './chaos/fans.ts';
import { FAULTS, type Fault, type Scene } from './chaos/faults.ts';
import { nextFault } from './chaos/schedule.ts';
import { RACE, type Stage, setStage } from './chaos/stage.ts';
import { pause } from './live-race.ts';
import { round } from './machine.ts';

const FLAGS = {
  seconds: { kind: 'integer', min: 10, max: 86_400, default: 600, unit: 's', help: 'How long faults are done.' },
  fans: { kind: 'integer', min: 10, max: 5000, default: 1000, help: 'Fans; up to 24 of them decode everything.' },
  seed: {
    kind: 'integer',
    min: 0,
    max: 2 ** 31,
    default: 1,
    help: 'What is chosen by chance is the same for the same seed.',
  },
  faults: {
    kind: 'list',
    of: FAULTS.map(({ name }) => name),
    default: FAULTS.map(({ name }) => name),
    help: 'Only these faults.',
  },
  once: { kind: 'switch', help: 'End when each fault was done once, whatever time is left.' },
  steady: { kind: 'integer', min: 1, max: 600, default: 5, unit: 's', help: 'Time without a fault behind each.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run chaos -- [flags]',
  purpose: `Two ingests, a nats-server, three edges behind HAProxy and fans, and every outage one after another; counts what any fan lost, got twice, or holds otherwise than the stream has it. Ends with exit code 1 if anything was.
Faults: ${FAULTS.map(({ name, summary }) => `${name} (${summary})`).join('; ')}.`,
  flags: FLAGS,
};

/** Beyond this a fan that is not back counts as lost for good. */
const RECOVER_WITHIN_MS = 120_000;
/** Nothing here makes a fan fall further behind. */
const KEEP_TICKS = 3600;
const LOOK_EVERY_MS = 200;

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

/** The run, as far as it has come. */
class Chaos {
  readonly #scene: Scene;
  readonly #oracle: StreamOracle;
  #before: FanTally;
  #deathsBefore = 0;

  constructor(scene: Scene, oracle: StreamOracle, before: FanTally) {
    this.#scene = scene;
    this.#oracle = oracle;
    this.#before = before;
  }

  /** The newest tick, if it closed after a moment; `undefined` when there is none yet, or NATS cannot be asked. */
  async #tickAfter(atMs: number): Promise<number | undefined> {
    if (!(await tryToRead(this.#oracle))) return undefined;
    const { head } = this.#oracle;
    return head && head.closeAtMs > atMs ? head.tick : undefined;
  }

  /** @returns Whether every fan holds a tick that closed after now, in time; and what was waited for last. */
  async untilRecovered(withinMs: number): Promise<{ readonly isSo: boolean; readonly last: string }> {
    const nowMs = Date.now();
    const deadlineMs = performance.now() + withinMs;
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

  async do(fault: Fault, atS: number, steadyMs: number): Promise<Row> {
    const beganAtMs = performance.now();
    this.#scene.fans.takeSilence();
    await fault.run(this.#scene);
    const mendedAtMs = performance.now();
    const { isSo: hasRecovered, last } = await this.untilRecovered(RECOVER_WITHIN_MS);
    const recoverS = (performance.now() - mendedAtMs) / 1000;
    await pause(steadyMs);
    await this.#scene.stage.untilWhole();
    return {
      fault: fault.name,
      at_s: round(atS, 0),
      lasted_s: round((mendedAtMs - beganAtMs) / 1000, 1),
      recover_s: hasRecovered ? round(recoverS, 1) : undefined,
      silent_s: round(this.#scene.fans.takeSilence() / 1000, 1),
      waited_for: last,
      ...(await this.count(hasRecovered ? 0 : 1, fault.mayEndIngest ?? false)),
    };
  }

  /** What was counted since the last time. @param wrong What is wrong besides. */
  async count(wrong: number, mayEndIngest: boolean): Promise<Pick<Row, 'lost' | 'doubled' | 'wrong'>> {
    await tryToRead(this.#oracle);
    const { stage, fans } = this.#scene;
    const deaths = stage.deaths.slice(this.#deathsBefore);
    this.#deathsBefore = stage.deaths.length;
    for (const death of deaths) process.stderr.write(`  ${death}\n`);
    const unexpected = deaths.filter((death) => !mayEndIngest || !death.startsWith('ingest')).length;
    const now = await fans.tally();
    const before = this.#before;
    this.#before = now;
    return {
      lost: now.lost - before.lost,
      doubled: now.doubled - before.doubled,
      wrong: now.wrong - before.wrong + wrong + unexpected,
    };
  }
}

/** @returns Whether NATS could be asked: it may be away. */
async function tryToRead(oracle: StreamOracle): Promise<boolean> {
  try {
    await oracle.read();
    return true;
  } catch {
    return false;
  }
}

async function perform(
  stage: Stage,
  oracle: StreamOracle,
  flags: Values<typeof FLAGS>,
): Promise<Record<string, unknown>> {
  const say = (text: string) => process.stderr.write(`${text}\n`);
  say(`connecting ${flags.fans} fans`);
  const fans = await ChaosFans.bring(stage, oracle, flags.fans, flags.seed);
  try {
    const scene = { stage, fans, random: createRandom(flags.seed) };
    const chaos = new Chaos(scene, oracle, await fans.tally());
    if (!(await chaos.untilRecovered(RECOVER_WITHIN_MS)))
      throw new Error('The fans did not come to the newest tick before the first fault.');
    const wanted = FAULTS.filter(({ name }) => flags.faults.includes(name));
    const faults = wanted.filter(({ problem }) => problem?.(stage) === undefined);
    for (const { name, problem } of wanted) if (problem?.(stage)) say(`${name} is left out: ${problem(stage)}`);
    const rows: Row[] = [];
    const startMs = performance.now();
    const passedS = () => (performance.now() - startMs) / 1000;
    for (;;) {
      const done = rows.map(({ fault }) => fault);
      const open = flags.once ? faults.filter(({ name }) => !done.includes(name)) : faults;
      const fault = nextFault(open, done, flags.seconds - passedS(), flags.steady);
      if (!fault) break;
      say(`${passedS().toFixed(0).padStart(4)} s  ${fault.name}: ${fault.summary}`);
      const row = await chaos.do(fault, passedS(), flags.steady * 1000);
      const recovered = row.recover_s === undefined ? 'not recovered' : `recovered after ${row.recover_s} s`;
      say(`        ${recovered}; lost ${row.lost}, doubled ${row.doubled}, wrong ${row.wrong}`);
      rows.push(row);
    }
    say('settling');
    fans.settle();
    const { isSo: isThere, last } = await chaos.untilRecovered(RECOVER_WITHIN_MS);
    const tally = await fans.tally();
    await oracle.read();
    oracle.finish();
    const end = await chaos.count((isThere ? 0 : 1) + fans.missingCars() + (oracle.fault ? 1 : 0), false);
    rows.push({
      fault: 'end',
      at_s: round(passedS(), 0),
      lasted_s: 0,
      recover_s: 0,
      silent_s: 0,
      waited_for: last,
      ...end,
    });
    for (const difference of fans.differences()) say(difference);
    if (oracle.fault) say(`The stream is not whole: ${oracle.fault}`);
    const sum = (key: 'lost' | 'doubled' | 'wrong') => rows.reduce((all, row) => all + row[key], 0);
    const left = wanted.filter(({ name }) => !rows.some(({ fault }) => fault === name)).map(({ name }) => name);
    return {
      seed: flags.seed,
      seconds: round(passedS(), 0),
      fans: flags.fans,
      decoding_fans: fans.decodingFans,
      ticks: oracle.ticks,
      states_compared: fans.statesCompared,
      lost: sum('lost'),
      doubled: sum('doubled'),
      wrong: sum('wrong'),
      joined: tally.joined,
      snapshots: tally.snapshots,
      refused: tally.refused,
      left_out: left,
      faults: rows,
    };
  } finally {
    await fans.stop();
  }
}

/** Whether no fan lost anything, got anything twice, or holds anything wrong. */
export const isGood = ({ lost, doubled, wrong }: Readonly<Record<string, unknown>>): boolean =>
  lost === 0 && doubled === 0 && wrong === 0;

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  // Each process that is started ends with this one.
  setMaxListeners(0, process);
  process.stderr.write('setting the stage: nats-server, two ingests, three edges, HAProxy\n');
  const stage = await setStage(flags.seconds);
  try {
    const connection = await connectNats({ servers: [stage.nats.url], name: 'chaos' });
    try {
      const oracle = new StreamOracle(connection, RACE, KEEP_TICKS);
      await oracle.read();
      return await perform(stage, oracle, flags);
    } finally {
      await connection.close();
    }
  } finally {
    await stage.stop();
  }
}
