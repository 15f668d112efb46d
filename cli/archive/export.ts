import { exportRace } from '../../archive/export-race.ts';
import { connectNats } from '../../broker/connection.ts';
import { RaceStream } from '../../broker/race-stream.ts';
import type { Usage, Values } from '../flags.ts';
import { createProgress } from '../progress.ts';
import { NATS_FLAG, RACE_NAME } from '../race-flags.ts';
import { findRange } from '../race-range.ts';
import { FILE_NAME, stopOnSignal } from './archive-flags.ts';

const FLAGS = {
  ...NATS_FLAG,
  from: { kind: 'integer', min: 1, max: 2 ** 48, default: 1, help: 'Stream sequence to begin at.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream archive export <race> <file> [flags]',
  purpose: 'Writes the whole race into one file. The file has its name only when it is complete.',
  flags: FLAGS,
  operands: { race: RACE_NAME, file: FILE_NAME },
};

export async function run(flags: Values<typeof FLAGS>, [race, file]: readonly string[]): Promise<number> {
  const connection = await connectNats({ servers: flags.nats, name: `slipstream archive export ${race}` });
  const progress = createProgress('exporting');
  try {
    const stream = await RaceStream.open(connection, race!);
    const range = await findRange(connection, stream, flags.from);
    const contents = await exportRace(stream, range, file!, { onProgress: progress, signal: stopOnSignal() });
    progress();
    for (const problem of contents.problems) process.stderr.write(`In the stream: ${problem}\n`);
    process.stdout.write(`${contents.messages.tick ?? 0} ticks of race ${race} are in ${file}.\n`);
    return 0;
  } finally {
    progress();
    await connection.close();
  }
}
