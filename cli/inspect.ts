import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { BrokerError, ConfigError } from '../protocol/errors.ts';
import type { Usage, Values } from './flags.ts';
import { NATS_FLAG, RACE_NAME } from './race-flags.ts';
import { StreamReport } from './stream-report.ts';

const FLAGS = {
  ...NATS_FLAG,
  from: { kind: 'integer', min: 1, max: 2 ** 48, default: 1, help: 'Stream sequence to begin at.' },
  json: { kind: 'switch', help: 'One JSON object instead of text.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream inspect <race> [flags]',
  purpose:
    'Reads the whole stream of a race, applies every tick, compares every digest and says what is there: epochs, ticks, holes, doubles, cars, bytes.',
  flags: FLAGS,
  operands: { race: RACE_NAME },
};

/** NATS has this long for the next message before reading is given up. */
const SILENCE_MS = 10_000;

interface Range {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

async function findRange(connection: NatsConnection, stream: RaceStream, from: number): Promise<Range> {
  const range = await stream.range();
  if (!range) {
    const races = await RaceStream.list(connection);
    const held = races.length === 0 ? 'it holds none' : `it holds ${races.join(', ')}`;
    throw new ConfigError('unknown_race', `NATS holds no race ${stream.race}; ${held}.`);
  }
  // Of a stream that has forgotten everything, the first sequence is the one to come.
  const firstSeq = Math.max(from, range.firstSeq);
  if (firstSeq > range.lastSeq) {
    throw new ConfigError(
      'empty_race',
      `Race ${stream.race} holds no message from sequence ${firstSeq} on; its last sequence was ${range.lastSeq}.`,
    );
  }
  return { firstSeq, lastSeq: range.lastSeq };
}

/** Adds the messages of the range to the report. @throws {BrokerError} `stream_slow` when NATS delivers no more. */
async function read(stream: RaceStream, { firstSeq, lastSeq }: Range, report: StreamReport): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const progress = createProgress(firstSeq, lastSeq);
  let heardSeq = firstSeq - 1;
  const fail = () =>
    reject(
      new BrokerError('stream_slow', `NATS delivers nothing after sequence ${heardSeq} of ${lastSeq}; try again.`),
    );
  const silence = setTimeout(fail, SILENCE_MS);
  const follower = await stream.follow(firstSeq, (message) => {
    heardSeq = message.seq;
    silence.refresh();
    try {
      if (message.seq <= lastSeq) report.add(message);
    } catch (error) {
      reject(error);
    }
    progress(message.seq);
    if (message.seq >= lastSeq) resolve();
  });
  try {
    await promise;
  } finally {
    clearTimeout(silence);
    progress(undefined);
    // Not awaited: without a connection it would wait for one.
    void follower.stop().catch(() => {});
  }
}

/** Shows on a terminal how far reading has come; `undefined` clears it away. */
function createProgress(firstSeq: number, lastSeq: number): (seq: number | undefined) => void {
  if (!process.stderr.isTTY) return () => {};
  let shownPercent = 0;
  return (seq) => {
    const percent = seq === undefined ? 0 : Math.floor((100 * (seq - firstSeq + 1)) / (lastSeq - firstSeq + 1));
    if (seq === undefined) process.stderr.write('\r             \r');
    else if (percent >= shownPercent + 5) process.stderr.write(`\rreading ${percent} %`);
    else return;
    shownPercent = percent;
  };
}

export async function run(flags: Values<typeof FLAGS>, [race]: readonly string[]): Promise<number> {
  const connection = await connectNats({ servers: flags.nats, name: `slipstream inspect ${race}` });
  try {
    const stream = await RaceStream.open(connection, race!);
    const range = await findRange(connection, stream, flags.from);
    const report = new StreamReport(race!);
    const catalogue = await stream.last(stream.subjects.catalogue);
    // It stands at the head of the stream, and no other has come since.
    if (catalogue && catalogue.seq < range.firstSeq) report.add(catalogue);
    await read(stream, range, report);
    process.stdout.write(flags.json ? `${JSON.stringify(report.summary())}\n` : report.text());
    return report.isSound ? 0 : 1;
  } finally {
    await connection.close();
  }
}
