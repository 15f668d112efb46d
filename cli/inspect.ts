import { connectNats } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { readRange } from '../broker/read-range.ts';
import type { Usage, Values } from './flags.ts';
import { createProgress } from './progress.ts';
import { NATS_FLAG, RACE_NAME } from './race-flags.ts';
import { findRange } from './race-range.ts';
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

export async function run(flags: Values<typeof FLAGS>, [race]: readonly string[]): Promise<number> {
  const connection = await connectNats({ servers: flags.nats, name: `slipstream inspect ${race}` });
  try {
    const stream = await RaceStream.open(connection, race!);
    const range = await findRange(connection, stream, flags.from);
    const progress = createProgress('reading');
    const report = new StreamReport(race!);
    const catalogue = await stream.last(stream.subjects.catalogue);
    // It stands at the head of the stream, and no other has come since.
    if (catalogue && catalogue.seq < range.firstSeq) report.add(catalogue);
    await readRange(stream, range, (message) => {
      report.add(message);
      progress(message.seq - range.firstSeq + 1, range.lastSeq - range.firstSeq + 1);
    }).finally(() => progress());
    process.stdout.write(flags.json ? `${JSON.stringify(report.summary())}\n` : report.text());
    return report.isSound ? 0 : 1;
  } finally {
    await connection.close();
  }
}
