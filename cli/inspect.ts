import { connectNats } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { ConfigError } from '../protocol/errors.ts';
import type { Usage, Values } from './flags.ts';
import { NATS_FLAG } from './race-flags.ts';
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
  operands: ['race'],
};

export async function run(flags: Values<typeof FLAGS>, [race]: readonly string[]): Promise<number> {
  const connection = await connectNats({ servers: flags.nats, name: `slipstream inspect ${race}` });
  try {
    const stream = await RaceStream.open(connection, race!);
    const range = await stream.range();
    if (!range || range.lastSeq === 0) {
      const races = await RaceStream.list(connection);
      throw new ConfigError(
        'unknown_race',
        `NATS holds no race ${race}; it holds ${races.length === 0 ? 'none' : races.join(', ')}.`,
      );
    }
    const report = new StreamReport(race!);
    const { promise, resolve } = Promise.withResolvers<void>();
    let shownPercent = 0;
    const follower = await stream.follow(Math.max(flags.from, range.firstSeq), (message) => {
      if (message.seq <= range.lastSeq) report.add(message);
      const percent = Math.floor((100 * (message.seq - range.firstSeq)) / Math.max(1, range.lastSeq - range.firstSeq));
      if (process.stderr.isTTY && percent >= shownPercent + 5) {
        shownPercent = percent;
        process.stderr.write(`\rreading ${percent} %`);
      }
      if (message.seq >= range.lastSeq) resolve();
    });
    await promise;
    await follower.stop();
    if (process.stderr.isTTY) process.stderr.write('\r             \r');
    process.stdout.write(flags.json ? `${JSON.stringify(report.summary())}\n` : report.text());
    return report.isSound ? 0 : 1;
  } finally {
    await connection.close();
  }
}
