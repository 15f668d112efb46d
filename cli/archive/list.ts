import type { Contents } from '../../archive/contents.ts';
import type { Usage, Values } from '../flags.ts';
import { FILE_NAME, withArchive } from './archive-flags.ts';

const FLAGS = {
  json: { kind: 'switch', help: 'The index of the file as one JSON object.' },
  events: { kind: 'switch', help: 'Also every lap, flag and pit stop.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream archive list <file> [flags]',
  purpose: 'Says what is in an archive, without reading all of it.',
  flags: FLAGS,
  operands: { file: FILE_NAME },
};

export async function run({ json, events }: Values<typeof FLAGS>, [path]: readonly string[]): Promise<number> {
  return withArchive(path!, async ({ contents }, size) => {
    process.stdout.write(json ? `${JSON.stringify(contents)}\n` : describe(contents, size, events));
    return 0;
  });
}

function describe(contents: Contents, size: number, hasEvents: boolean): string {
  const { race, events, messages, tickBytes, problems } = contents;
  const laps = events.filter(({ type }) => type === 'lap').length;
  const stops = events.filter(({ type }) => type === 'pit').length;
  const share = tickBytes > 0 ? `, ${((100 * size) / tickBytes).toFixed(1)} % of its deltas` : '';
  const counts = Object.entries(messages).map(([kind, count]) => `${count} ${kind}`);
  return [
    `race       ${race || 'unknown, the index is lost'}`,
    ...epochsOf(contents),
    `messages   ${counts.join(', ')}`,
    `events     ${laps} laps, ${events.filter(({ type }) => type === 'flag').length} flags, ${stops} pit stops`,
    `bytes      ${size}${share}`,
    ...problems.map((problem) => `problem    ${problem}`),
    ...(hasEvents
      ? events.map(({ type, tick, ...rest }) => `tick ${tick}  ${type} ${Object.values(rest).slice(1).join(' lap ')}`)
      : []),
    '',
  ].join('\n');
}

function epochsOf({ blocks }: Contents): string[] {
  const time = (atMs: number) => new Date(atMs).toISOString().replace('T', ' ').slice(0, 19);
  const epochs = new Map<string, { ticks: [number, number]; atMs: [number, number] }>();
  for (const { epoch, ticks, closeAtMs } of blocks) {
    if (!epoch || !ticks || !closeAtMs) continue;
    const known = epochs.get(epoch);
    epochs.set(epoch, {
      ticks: [known?.ticks[0] ?? ticks[0], ticks[1]],
      atMs: [known?.atMs[0] ?? closeAtMs[0], closeAtMs[1]],
    });
  }
  return [...epochs].map(
    ([epoch, { ticks, atMs }]) => `epoch      ${epoch}  ticks ${ticks.join('–')}  ${atMs.map(time).join(' – ')} UTC`,
  );
}
