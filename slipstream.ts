#!/usr/bin/env node
import { type Flags, formatHelp, parseFlags, type Usage, UsageError, type Values } from './cli/flags.ts';
import { describeValue, TelemetryError } from './protocol/errors.ts';

interface Command {
  readonly usage: Usage<Flags>;
  /** Runs until it is done or asked to end; gives the exit code. */
  run(flags: Values<Flags>, operands: readonly string[]): Promise<number>;
}

// Each command loads what it needs and nothing else: `watch` must not wait for uWebSockets.js.
const COMMANDS: Record<string, { readonly summary: string; load(): Promise<unknown> }> = {
  start: {
    summary: 'everything on this machine: nats-server, ingest with a simulated or recorded race, edges',
    load: () => import('./cli/start.ts'),
  },
  ingest: { summary: 'take samples of one race and publish its ticks', load: () => import('./cli/ingest.ts') },
  edge: { summary: 'serve fans', load: () => import('./cli/edge.ts') },
  watch: { summary: 'follow one car in the terminal', load: () => import('./cli/watch.ts') },
  inspect: { summary: 'check and sum up the stream of a race', load: () => import('./cli/inspect.ts') },
  replay: { summary: 'publish an archived race again', load: () => import('./cli/replay.ts') },
  'archive export': { summary: 'write a race into a file', load: () => import('./cli/archive/export.ts') },
  'archive make': { summary: 'make an archive of recordings', load: () => import('./cli/archive/make.ts') },
  'archive import': { summary: 'put a race back into NATS', load: () => import('./cli/archive/import.ts') },
  'archive list': { summary: 'say what is in an archive', load: () => import('./cli/archive/list.ts') },
  'archive verify': { summary: 'check every tick of an archive', load: () => import('./cli/archive/verify.ts') },
  'archive cut': { summary: 'write a part of an archive', load: () => import('./cli/archive/cut.ts') },
};

const HELP = `slipstream <command> [flags]

Carries race-car telemetry from the cars to the fans.

Commands:
${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(16)}${summary}`)
  .join('\n')}

slipstream <command> --help lists its flags. Exit codes: 0 done, 1 failed, 2 wrong flag or word.
`;

async function main(args: readonly string[]): Promise<number> {
  const [name, rest] = splitCommand(args);
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? process.stderr : process.stdout).write(HELP);
    return name === undefined ? 2 : 0;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!entry)
    throw new UsageError(
      'bad_command',
      `The command must be one of ${Object.keys(COMMANDS).join(', ')}, but is ${describeValue(name)}.`,
    );
  const command = (await entry.load()) as Command;
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(formatHelp(command.usage));
    return 0;
  }
  const { values, operands } = parseFlags(command.usage, rest, process.env);
  return command.run(values, operands);
}

/** A command is one word, or two: `archive export`. */
function splitCommand(args: readonly string[]): [string | undefined, readonly string[]] {
  const two = args.slice(0, 2).join(' ');
  return Object.hasOwn(COMMANDS, two) ? [two, args.slice(2)] : [args[0], args.slice(1)];
}

/** A TelemetryError is a sentence for people, and so is what the system refuses; the rest is our fault: its stack tells. */
function describeError(error: unknown): string {
  if (error instanceof TelemetryError) return error.message;
  if (!(error instanceof Error)) return String(error);
  return 'syscall' in error ? `${error.message}.` : (error.stack ?? error.message);
}

// Whoever reads what is printed may leave early: `slipstream watch 24 | head`. A full disk is another matter.
process.stderr.on('error', () => {});
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`The output cannot be written: ${error.message}.\n`);
  process.exit(1);
});

main(process.argv.slice(2)).then(
  // What is wrong with the output is told a moment after it was written.
  (code) => setImmediate(() => process.exit(code)),
  (error: unknown) => {
    process.stderr.write(`${describeError(error)}\n`);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
