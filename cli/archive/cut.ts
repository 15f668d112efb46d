import { cutRace } from '../../archive/cut-race.ts';
import { findStretch } from '../../archive/stretch.ts';
import type { Usage, Values } from '../flags.ts';
import { createProgress } from '../progress.ts';
import { FILE_NAME, STRETCH_FLAGS, TICK_MS, withArchive } from './archive-flags.ts';

const FLAGS = STRETCH_FLAGS;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream archive cut <file> <part> [flags]',
  purpose: 'Writes a part of an archive into a file of its own.',
  flags: FLAGS,
  operands: { file: FILE_NAME, part: FILE_NAME },
};

export async function run(flags: Values<typeof FLAGS>, [path, part]: readonly string[]): Promise<number> {
  return withArchive(path!, async (reader) => {
    const stretch = findStretch(reader.contents, flags, TICK_MS);
    const progress = createProgress('cutting');
    const cut = await cutRace(reader, stretch, part!, progress).finally(() => progress());
    process.stdout.write(`${cut.messages.tick ?? 0} ticks, ${stretch.from} to ${stretch.to}, are in ${part}.\n`);
    return 0;
  });
}
