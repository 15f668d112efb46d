import type { Contents } from '../../archive/contents.ts';
import { cutRace } from '../../archive/cut-race.ts';
import { findTick, PLACE, parsePlace } from '../../archive/place.ts';
import { ConfigError } from '../../protocol/errors.ts';
import type { Usage, Values } from '../flags.ts';
import { createProgress } from '../progress.ts';
import { FILE_NAME, withArchive } from './archive-flags.ts';

/** Length of a tick; a recording says only when its ticks closed. */
const TICK_MS = 500;

const FLAGS = {
  from: { kind: 'text', default: '00:00:00', allowed: PLACE, help: 'Where the part begins.' },
  to: { kind: 'text', allowed: PLACE, help: 'Last tick of the part. Default: the end.' },
  epoch: { kind: 'text', help: 'Which life of the stream, where the file has several. Default: the longest.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream archive cut <file> <part> [flags]',
  purpose: 'Writes a part of an archive into a file of its own.',
  flags: FLAGS,
  operands: { file: FILE_NAME, part: FILE_NAME },
};

export async function run(flags: Values<typeof FLAGS>, [path, part]: readonly string[]): Promise<number> {
  return withArchive(path!, async (reader) => {
    const { contents } = reader;
    const { epoch, last } = findEpoch(contents, flags.epoch);
    const at = (text: string) => findTick(contents, epoch, parsePlace(text)!, TICK_MS);
    const stretch = { epoch, from: at(flags.from), to: flags.to === undefined ? last : at(flags.to) };
    if (stretch.to < stretch.from) {
      throw new ConfigError(
        'bad_stretch',
        `The part ends at tick ${stretch.to}, before it begins at tick ${stretch.from}.`,
      );
    }
    const progress = createProgress('cutting');
    const cut = await cutRace(reader, stretch, part!, progress).finally(() => progress());
    process.stdout.write(`${cut.messages.tick ?? 0} ticks, ${stretch.from} to ${stretch.to}, are in ${part}.\n`);
    return 0;
  });
}

function findEpoch({ blocks }: Contents, wanted: string | undefined): { epoch: string; last: number } {
  const ticks = new Map<string, { count: number; last: number }>();
  for (const block of blocks) {
    if (!block.epoch || !block.ticks) continue;
    const count = (ticks.get(block.epoch)?.count ?? 0) + block.ticks[1] - block.ticks[0] + 1;
    ticks.set(block.epoch, { count, last: block.ticks[1] });
  }
  const [longest] = [...ticks].sort(([, a], [, b]) => b.count - a.count);
  const epoch = wanted ?? longest?.[0];
  const found = epoch === undefined ? undefined : ticks.get(epoch);
  if (epoch !== undefined && found) return { epoch, last: found.last };
  throw new ConfigError(
    'no_such_epoch',
    `The archive has no ticks of epoch ${wanted ?? 'any'}; it has ${[...ticks.keys()].join(', ') || 'none'}.`,
  );
}
