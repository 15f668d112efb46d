import { type Flags, formatHelp, parseFlags, type Usage, UsageError, type Values } from '../cli/flags.ts';
import { TelemetryError } from '../protocol/errors.ts';
import { describeMachine } from './machine.ts';
import { prepareReports, writeReport } from './report/report.ts';
import { formatTable, isTable, type Results } from './report/results.ts';

/** A measurement: it prints its progress on standard error and gives one flat object of results. */
export interface Bench {
  readonly usage: Usage<Flags>;
  run(flags: Values<Flags>): Promise<Record<string, unknown>>;
  /** Whether the results are as they must be; the exit code is 1 otherwise. @defaultValue always */
  isGood?(results: Results): boolean;
}

const BENCHES: Record<string, { readonly summary: string; load(): Promise<unknown> }> = {
  codec: {
    summary: 'bytes and time of deltas on a recording, beside other encodings',
    load: () => import('./codec.ts'),
  },
  fit: { summary: 'find the coding hints of a catalogue on recordings', load: () => import('./fit.ts') },
  ingest: {
    summary: 'cost of ingest at a full field, and the most that one core takes',
    load: () => import('./ingest.ts'),
  },
  fanout: {
    summary: 'a crowd of fans on one edge, beside bare uWebSockets.js in the same run',
    load: () => import('./fanout.ts'),
  },
  storm: { summary: 'all fans of an edge lose their connection at once', load: () => import('./storm.ts') },
  recovery: {
    summary: 'fans who were away come back with their position, from 1 s to half an hour',
    load: () => import('./recovery.ts'),
  },
  chaos: {
    summary: 'every outage one after another, and what any fan lost; also npm run chaos',
    load: () => import('./chaos.ts'),
  },
  rolling: {
    summary: 'three edges behind HAProxy are restarted one after another',
    load: () => import('./rolling.ts'),
  },
  takeover: {
    summary: 'how long a race is off the air when its ingest is killed, frozen or cut off',
    load: () => import('./takeover.ts'),
  },
  outage: {
    summary: 'NATS is away for a minute: what ingest keeps meanwhile, and how soon all of it is in the stream',
    load: () => import('./outage.ts'),
  },
  slow: { summary: 'a tenth of the fans reads nothing for a minute', load: () => import('./slow.ts') },
  daytona: { summary: 'how many fans one machine serves with everything on it', load: () => import('./daytona.ts') },
  catchup: {
    summary: 'fans who missed the same ticks get all of them, beside bare uWebSockets.js',
    load: () => import('./catchup.ts'),
  },
  peers: {
    summary: 'the same fan-out through our edge, uWebSockets.js, ws, Socket.IO and nats-server',
    load: () => import('./peers.ts'),
  },
  latency: { summary: 'time from the close of a tick to the callback of a fan', load: () => import('./latency.ts') },
  http: { summary: 'requests per second of the HTTP side of an edge', load: () => import('./http.ts') },
  archive: {
    summary: 'size of a race as a file, and time to export and import it',
    load: () => import('./archive.ts'),
  },
  segments: {
    summary: 'segments of the past for a thousand connections, also through nginx, beside live fans',
    load: () => import('./segments.ts'),
  },
  web: {
    summary: 'the page in Chromium: bytes and time to the first value on a phone, its cost while it plays, its memory',
    load: () => import('./web.ts'),
  },
  replay: {
    summary: 'an archived race at the highest speed through an edge to a fan who compares all of it',
    load: () => import('./replay.ts'),
  },
};

const COMMON_FLAGS = {
  json: { kind: 'switch', help: 'End with one JSON object on the last line.' },
  report: { kind: 'text', help: 'Folder for the results as <name>.json and as a page, <name>.html.' },
} as const;

const HELP = `npm run bench -- <name> [flags] [--json] [--report <folder>]

${Object.entries(BENCHES)
  .map(([name, { summary }]) => `  ${name.padEnd(9)}${summary}`)
  .join('\n')}

With --json the last line is one JSON object, with --report they become a page too. npm run bench -- <name> --help lists the flags.
`;

const quote = (word: string) => (/^[\w.,:/=@-]+$/.test(word) ? word : JSON.stringify(word));

const formatResults = (results: Results) =>
  Object.entries(results)
    .flatMap(([key, value]) => {
      if (isTable(value)) return [key, ...formatTable(value).map((line) => `  ${line}`)];
      return `${key.padEnd(36)}${typeof value === 'object' ? JSON.stringify(value) : value}`;
    })
    .join('\n')
    .concat('\n');

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help') {
    process.stdout.write(HELP);
    return name === undefined ? 2 : 0;
  }
  const entry = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (!entry)
    throw new UsageError(
      'bad_command',
      `The bench must be one of ${Object.keys(BENCHES).join(', ')}, but is ${JSON.stringify(name)}.`,
    );
  const bench = (await entry.load()) as Bench;
  const usage = { ...bench.usage, flags: { ...bench.usage.flags, ...COMMON_FLAGS } } as const;
  if (rest.includes('--help')) {
    process.stdout.write(formatHelp(usage));
    return 0;
  }
  const { values } = parseFlags(usage, rest, process.env);
  const report = values.report as string | undefined;
  if (report) prepareReports(report);
  const command = ['npm run bench --', name, ...rest.map(quote)].join(' ');
  const measured = await bench.run(values);
  const results = {
    bench: name,
    command,
    ...measured,
    finished_at: new Date().toISOString(),
    machine: describeMachine(),
  };
  if (report) process.stderr.write(`${writeReport(report, name, results)} is written\n`);
  process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : formatResults(results));
  return (bench.isGood?.(results) ?? true) ? 0 : 1;
}

// An end by signal runs no exit handlers by itself, and those end the processes that a bench has started. More than one may
// come: npm passes on what the terminal has told already.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(
      `${error instanceof TelemetryError ? error.message : ((error as Error)?.stack ?? String(error))}\n`,
    );
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
