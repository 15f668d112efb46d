import { verifyArchive } from '../../archive/report.ts';
import type { Usage, Values } from '../flags.ts';
import { createProgress } from '../progress.ts';
import { FILE_NAME, withArchive } from './archive-flags.ts';

const FLAGS = { json: { kind: 'switch', help: 'One JSON object instead of text.' } } as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream archive verify <file> [flags]',
  purpose: 'Reads all of an archive, applies every tick, compares every digest, and names what is missing.',
  flags: FLAGS,
  operands: { file: FILE_NAME },
};

export async function run({ json }: Values<typeof FLAGS>, [path]: readonly string[]): Promise<number> {
  return withArchive(path!, async (reader) => {
    const progress = createProgress('verifying');
    const report = await verifyArchive(reader, progress).finally(() => progress());
    const { ticks, messages, problems } = report;
    const words = problems.length === 0 ? 'sound' : `${problems.length} problems`;
    const text = [`${ticks} ticks in ${messages} messages: ${words}.`, ...problems, ''].join('\n');
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : text);
    return problems.length === 0 ? 0 : 1;
  });
}
