import { once } from 'node:events';
import { connectNats } from '../broker/connection.ts';
import type { Usage, Values } from '../cli/flags.ts';
import { BUNDLE, readBundle } from '../protocol/bundle.ts';
import { readFrameHead } from '../protocol/frames.ts';
import { startNatsServer } from '../testing/nats-server.ts';
import type { CatchupReport } from './catchup/reader-process.ts';
import { cpuSeconds, residentBytes } from './cpu.ts';
import { startEdge } from './live-race.ts';
import { quantile, round } from './machine.ts';
import { runPastRace } from './past-race.ts';
import { startWorker } from './processes.ts';

const FLAGS = {
  fans: { kind: 'integer', min: 1, max: 10_000, default: 1000, help: 'Fans that come back at once.' },
  ticks: { kind: 'integer', min: 1, max: 7000, default: 3600, help: 'Ticks that each of them has missed.' },
  cars: { kind: 'integer', min: 1, max: 40, default: 4, help: 'Cars that each fan watches.' },
  view: { kind: 'text', default: 'full', help: 'View in which they are watched.' },
  choices: { kind: 'integer', min: 1, max: 40, default: 1, help: 'Different choices of cars among the fans.' },
  rounds: { kind: 'integer', min: 1, max: 20, default: 3, help: 'Edge and bare server take turns so often.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- catchup [flags]',
  purpose:
    'Fans who missed the same ticks come back to one edge at once and get every one of them, read out of the stream; then the same messages from bare uWebSockets.js, in turns.',
  flags: FLAGS,
};

const RACE = 'bench';
/** The tick that the fans hold: positions begin behind the first keyframe. */
const HELD = 1;

/** One turn of one server. */
interface Turn extends CatchupReport {
  readonly cpuS: number;
  readonly rssGrowth: number;
}

/** Fans come to a server, get what they miss, and leave. */
async function takeTurn(
  pid: number,
  port: number,
  paths: readonly string[],
  fans: number,
  newest: number,
): Promise<Turn> {
  const readers = await Promise.all(
    paths.map((path, n) => {
      const share = Math.floor((fans * (n + 1)) / paths.length) - Math.floor((fans * n) / paths.length);
      return startWorker('catchup/reader-process.ts', [`${port}`, path, `${share}`, `${HELD}`, `${newest}`]);
    }),
  );
  const before = { cpu: cpuSeconds(pid), rss: residentBytes(pid) };
  const reports = readers.map(async ({ child }) => {
    const report = once(child, 'message');
    child.send('go');
    return ((await report) as [CatchupReport])[0];
  });
  const all = await Promise.all(reports);
  const turn = {
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    wrong: all.reduce((sum, { wrong }) => sum + wrong, 0),
    tookMs: Math.max(...all.map(({ tookMs }) => tookMs)),
    fanMs: all.flatMap(({ fanMs }) => fanMs),
    cpuS: cpuSeconds(pid) - before.cpu,
    rssGrowth: residentBytes(pid) - before.rss,
  };
  for (const reader of readers) await reader.stop();
  return turn;
}

/** The messages that one fan gets. */
function record(url: string, newest: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const messages: string[] = [];
    const socket = new WebSocket(url.replace('http', 'ws'));
    socket.binaryType = 'arraybuffer';
    socket.onerror = () => reject(new Error('The edge does not answer.'));
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string') {
        if (data.includes('"snapshot"')) reject(new Error(`The edge did not repair tick by tick: ${data}`));
        return;
      }
      const bytes = Buffer.from(data as ArrayBuffer);
      if (bytes[0] !== BUNDLE) return;
      messages.push(bytes.toString('base64'));
      if (readFrameHead([...readBundle(bytes)].at(-1)!).tick !== newest) return;
      socket.close();
      resolve(messages);
    };
  });
}

async function measure(nats: string, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const connection = await connectNats({ servers: [nats], name: 'bench' });
  process.stderr.write(`running a race of ${flags.ticks} ticks beforehand\n`);
  const { epoch, seqs } = await runPastRace(connection, RACE, HELD + flags.ticks + 1);
  await connection.close();
  const { edge, url, isReady } = await startEdge(nats);
  await isReady();
  const pathOf = (choice: number) => {
    const cars = Array.from({ length: flags.cars }, (_, n) => `${CARS[(choice + n * 11) % CARS.length]}:${flags.view}`);
    return `/races/${RACE}/live?watch=${cars.join(',')}&history=all&doc=0&since=${epoch}:${seqs[HELD]}`;
  };
  const { cars: CARS } = (await (await fetch(`${url}/races/${RACE}`)).json()) as { cars: string[] };
  const newest = HELD + flags.ticks;
  const paths = Array.from({ length: flags.choices }, (_, n) => pathOf(n));
  const messages = await record(`${url}${paths[0]}`, newest);
  const raw = await startWorker('catchup/raw-server.ts', []);
  const told = once(raw.child, 'message');
  raw.child.send(messages);
  const [{ port: rawPort }] = (await told) as [{ port: number }];
  const edgeTurns: Turn[] = [];
  const rawTurns: Turn[] = [];
  for (let n = 0; n < flags.rounds; n++) {
    process.stderr.write(`round ${n + 1} of ${flags.rounds}: ${flags.fans} fans on the edge\n`);
    edgeTurns.push(await takeTurn(edge.pid, Number(new URL(url).port), paths, flags.fans, newest));
    process.stderr.write(`round ${n + 1} of ${flags.rounds}: ${flags.fans} fans on bare uWebSockets.js\n`);
    rawTurns.push(await takeTurn(raw.pid, rawPort, paths.slice(0, 1), flags.fans, newest));
  }
  await raw.stop();
  await edge.stop();
  const median = (turns: readonly Turn[], of: (turn: Turn) => number) => quantile(turns.map(of), 0.5);
  const perS = ({ bytes, tookMs }: Turn) => (bytes * 1000) / tookMs;
  const perCpu = ({ bytes, cpuS }: Turn) => bytes / cpuS;
  return {
    fans: flags.fans,
    ticks: flags.ticks,
    cars_per_fan: flags.cars,
    view: flags.view,
    choices: flags.choices,
    bytes_per_fan: Math.round(edgeTurns[0]!.bytes / flags.fans),
    lost_ticks: edgeTurns.reduce((sum, { wrong }) => sum + wrong, 0),
    bytes_per_s: Math.round(median(edgeTurns, perS)),
    raw_bytes_per_s: Math.round(median(rawTurns, perS)),
    ratio: round(median(edgeTurns, perS) / median(rawTurns, perS), 3),
    bytes_per_cpu_s: Math.round(median(edgeTurns, perCpu)),
    raw_bytes_per_cpu_s: Math.round(median(rawTurns, perCpu)),
    took_ms: edgeTurns.map(({ tookMs }) => Math.round(tookMs)),
    raw_took_ms: rawTurns.map(({ tookMs }) => Math.round(tookMs)),
    fan_p50_ms: round(quantile(edgeTurns[0]!.fanMs.slice(), 0.5)),
    fan_p99_ms: round(quantile(edgeTurns[0]!.fanMs.slice(), 0.99)),
    rss_growth_mb: edgeTurns.map(({ rssGrowth }) => round(rssGrowth / 1e6, 1)),
  };
}

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const nats = await startNatsServer();
  try {
    return await measure(`127.0.0.1:${nats.port}`, flags);
  } finally {
    await nats.stop();
  }
}
