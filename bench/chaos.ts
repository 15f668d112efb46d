import { setMaxListeners } from 'node:events';
import { connectNats } from '../broker/connection.ts';
import type { Usage, Values } from '../cli/flags.ts';
import { createRandom } from '../ingest/simulator/random.ts';
import { clusterProblem } from '../testing/cluster-server.ts';
import { StreamOracle } from '../testing/stream-oracle.ts';
import type { Transport } from '../web/client/mod.ts';
import { TRANSPORTS } from '../web/client/transports.ts';
import { Act, type Row } from './chaos/act.ts';
import { ChaosFans } from './chaos/fans.ts';
import { FAULTS, type Fault } from './chaos/faults.ts';
import { nextFault, shareOut } from './chaos/schedule.ts';
import { RACE, setStage } from './chaos/stage.ts';
import { round } from './machine.ts';

const FLAGS = {
  seconds: {
    kind: 'integer',
    min: 10,
    max: 86_400,
    default: 600,
    unit: 's',
    help: 'How long faults are done.',
  },
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
  transports: {
    kind: 'list',
    of: TRANSPORTS,
    default: ['websocket', 'sse'],
    help: 'Ways to the edges that decoding fans may use.',
  },
  once: { kind: 'switch', help: 'End when each fault was done once, whatever time is left.' },
  steady: { kind: 'integer', min: 1, max: 600, default: 5, unit: 's', help: 'Time without a fault behind each.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run chaos -- [flags]',
  purpose: `Two ingests, a nats-server (then three in a cluster), three edges behind HAProxy and fans, and every outage one after another; counts what any fan lost, got twice, or holds otherwise than the stream has it. Ends with exit code 1 if anything was.
Faults: ${FAULTS.map(({ name, summary }) => `${name} (${summary})`).join('; ')}.`,
  flags: FLAGS,
};

/** Nothing here makes a fan fall further behind. */
const KEEP_TICKS = 3600;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** What one act found, to be summed up. */
interface ActResult {
  readonly rows: readonly Row[];
  readonly counts: Readonly<Record<string, number>>;
  readonly decodingFans: number;
  readonly transports: Readonly<Record<string, number>>;
}

/** Sets a stage, brings the fans and does the faults, for so many seconds. */
async function perform(
  nats: 'single' | 'cluster',
  wanted: readonly Fault[],
  seconds: number,
  flags: Values<typeof FLAGS>,
): Promise<ActResult> {
  say(
    `setting the stage: ${nats === 'single' ? 'a nats-server' : 'three nats-servers'}, two ingests, three edges, HAProxy`,
  );
  const stage = await setStage(nats, seconds);
  const parts: (() => Promise<unknown>)[] = [() => stage.stop()];
  try {
    const connection = await connectNats({ servers: stage.nats.servers, name: 'chaos' });
    parts.push(() => connection.close());
    const oracle = new StreamOracle(connection, RACE, KEEP_TICKS);
    await oracle.read();
    say(`connecting ${flags.fans} fans`);
    const fans = await ChaosFans.bring(stage, oracle, { ...flags, transports: flags.transports as Transport[] });
    parts.push(() => fans.stop());
    const faults = wanted.filter(({ problem }) => problem?.(stage) === undefined);
    for (const { name, problem } of wanted) if (problem?.(stage)) say(`${name} is left out: ${problem(stage)}`);
    const act = await Act.begin({ stage, fans, random: createRandom(flags.seed) }, oracle, say);
    for (;;) {
      const done = act.rows.map(({ fault }) => fault);
      const open = flags.once ? faults.filter(({ name }) => !done.includes(name)) : faults;
      const fault = nextFault(open, done, seconds - act.passedS, flags.steady);
      if (!fault) break;
      await act.do(fault, flags.steady * 1000);
    }
    await act.end(nats === 'single' ? 'end' : 'cluster-end');
    const transports = fans.transports();
    const { joined, snapshots, refused } = await fans.tally();
    const counts = { ticks: oracle.ticks, states_compared: fans.statesCompared, joined, snapshots, refused };
    const { decodingFans } = fans;
    return { rows: act.rows, counts: { seconds: round(act.passedS, 0), ...counts }, decodingFans, transports };
  } finally {
    for (const stop of parts.reverse()) await stop();
  }
}

/** Whether no fan lost anything, got anything twice, or holds anything wrong. */
export const isGood = ({ lost, doubled, wrong }: Readonly<Record<string, unknown>>): boolean =>
  lost === 0 && doubled === 0 && wrong === 0;

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  // Each process that is started ends with this one.
  setMaxListeners(0, process);
  const wanted = FAULTS.filter(({ name }) => flags.faults.includes(name));
  const single = wanted.filter(({ nats = 'single' }) => nats === 'single');
  const clustered = wanted.filter(({ nats }) => nats === 'cluster');
  const problem = clustered.length > 0 ? clusterProblem() : undefined;
  if (problem && single.length === 0) throw new Error(`There is no cluster: ${problem}.`);
  for (const { name } of problem ? clustered : []) say(`${name} is left out: ${problem}`);
  const cluster = problem ? [] : clustered;
  const [singleS, clusterS] = shareOut(flags.seconds, single, cluster, flags.steady);
  const acts: ActResult[] = [];
  if (singleS > 0) acts.push(await perform('single', single, singleS, flags));
  if (clusterS > 0) acts.push(await perform('cluster', cluster, clusterS, flags));
  const rows = acts.flatMap((act) => act.rows);
  const sum = (key: 'lost' | 'doubled' | 'wrong') => rows.reduce((all, row) => all + row[key], 0);
  const count = (key: string) => acts.reduce((all, { counts }) => all + counts[key]!, 0);
  return {
    seed: flags.seed,
    seconds: count('seconds'),
    fans: flags.fans,
    decoding_fans: acts[0]?.decodingFans,
    transports: acts[0]?.transports,
    ticks: count('ticks'),
    states_compared: count('states_compared'),
    lost: sum('lost'),
    doubled: sum('doubled'),
    wrong: sum('wrong'),
    joined: count('joined'),
    snapshots: count('snapshots'),
    refused: count('refused'),
    left_out: wanted.filter(({ name }) => !rows.some(({ fault }) => fault === name)).map(({ name }) => name),
    faults: rows,
  };
}
