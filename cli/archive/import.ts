import { importRace } from '../../archive/import-race.ts';
import { connectNats } from '../../broker/connection.ts';
import { RaceStream } from '../../broker/race-stream.ts';
import type { Usage, Values } from '../flags.ts';
import { createProgress } from '../progress.ts';
import { NATS_FLAG, RACE_NAME } from '../race-flags.ts';
import { FILE_NAME, stopOnSignal, withArchive } from './archive-flags.ts';

const FLAGS = {
  ...NATS_FLAG,
  as: { kind: 'text', allowed: RACE_NAME, help: 'Name of the race in NATS. Default: the one it had.' },
  replicas: { kind: 'integer', min: 1, max: 5, default: 1, help: 'Copies of the stream in a cluster.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream archive import <file> [flags]',
  purpose:
    'Puts a race back into NATS, every message under the sequence that it had, so that positions of fans stay good. An import that was broken off goes on where it ended.',
  flags: FLAGS,
  operands: { file: FILE_NAME },
};

export async function run(flags: Values<typeof FLAGS>, [path]: readonly string[]): Promise<number> {
  return withArchive(path!, async (reader) => {
    const race = flags.as ?? (reader.contents.race || 'recovered');
    const connection = await connectNats({ servers: flags.nats, name: `slipstream archive import ${race}` });
    const progress = createProgress('importing');
    try {
      const stream = await RaceStream.open(connection, race);
      const options = { stream: { replicas: flags.replicas }, onProgress: progress, signal: stopOnSignal() };
      const { stored, present, problems } = await importRace(reader, stream, options);
      progress();
      for (const problem of problems) process.stderr.write(`${problem}\n`);
      const rest = present > 0 ? `, ${present} were there already` : '';
      process.stdout.write(`Race ${race}: ${stored} messages stored${rest}.\n`);
      return problems.length === 0 ? 0 : 1;
    } finally {
      progress();
      await connection.close();
    }
  });
}
