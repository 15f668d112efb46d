import type { Flag, RaceDocument } from '../protocol/document.ts';
import { ArchiveError } from './archive-error.ts';
import { BLOCK, type BlockType } from './block.ts';

/** One block of the file, as the index lists it. Ticks of a block belong to one epoch. */
export interface BlockEntry {
  readonly type: BlockType;
  /** Where it begins in the file, in bytes. */
  readonly at: number;
  readonly bytes: number;
  /** Tag of the catalogue that it holds, or that its states are in. */
  readonly catalogueTag: number;
  readonly epoch?: string;
  /** First and last tick; missing in a block without one. */
  readonly ticks?: readonly [number, number];
  /** Race time of the close of the first and the last tick, Unix ms. */
  readonly closeAtMs?: readonly [number, number];
  /** First and last sequence of the stream. */
  readonly seqs?: readonly [number, number];
}

/** Something worth finding again. */
export type RaceEvent =
  | { readonly type: 'lap'; readonly tick: number; readonly epoch: string; readonly lap: number }
  | { readonly type: 'flag'; readonly tick: number; readonly epoch: string; readonly flag: Flag }
  | {
      readonly type: 'pit';
      readonly tick: number;
      readonly epoch: string;
      readonly car: string;
      readonly lap: number | null;
    };

/** What an archive file says of itself: its last block. */
export interface Contents {
  readonly version: 1;
  readonly race: string;
  readonly blocks: readonly BlockEntry[];
  readonly events: readonly RaceEvent[];
  /** Number of messages by kind. */
  readonly messages: Readonly<Record<string, number>>;
  /** Length of all tick messages as they are in the stream. */
  readonly tickBytes: number;
  /** What the stream itself was missing or held unreadable when it was exported, each one sentence. */
  readonly problems: readonly string[];
}

/** What happened between two documents of a race: the leader began a lap, the flag changed, cars came into the pits. */
export function findEvents(before: object, after: object, tick: number, epoch: string): RaceEvent[] {
  const [old, now] = [before as Partial<RaceDocument>, after as Partial<RaceDocument>];
  if (old === now) return [];
  const events: RaceEvent[] = [];
  if (typeof now.lap === 'number' && now.lap !== old.lap) events.push({ type: 'lap', tick, epoch, lap: now.lap });
  if (now.flag !== undefined && now.flag !== old.flag) events.push({ type: 'flag', tick, epoch, flag: now.flag });
  if (now.pitStops === old.pitStops) return events;
  const known = new Set((old.pitStops ?? []).map(({ car, inAtMs }) => `${car} ${inAtMs}`));
  for (const { car, lap, inAtMs } of now.pitStops ?? []) {
    if (!known.has(`${car} ${inAtMs}`)) events.push({ type: 'pit', tick, epoch, car, lap });
  }
  return events;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isPair = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.length === 2 && value.every(isCount));

/** Reads an index. @throws {ArchiveError} `bad_index`; a SyntaxError when it is no JSON. */
export function parseContents(bytes: Uint8Array): Contents {
  const contents = JSON.parse(new TextDecoder().decode(bytes)) as Contents;
  const { version, race, blocks, events, messages, tickBytes, problems } = contents ?? {};
  const isSound =
    version === 1 &&
    typeof race === 'string' &&
    isCount(tickBytes) &&
    typeof messages === 'object' &&
    messages &&
    [blocks, events, problems].every(Array.isArray) &&
    blocks.every(isBlockEntry) &&
    events.every(isEvent);
  if (!isSound) throw new ArchiveError('bad_index', 'The index of the archive is not one of version 1.');
  return contents;
}

function isBlockEntry(entry: BlockEntry): boolean {
  const { type, at, bytes, catalogueTag, ticks, closeAtMs, seqs } = entry ?? {};
  return (
    Object.values(BLOCK).includes(type) &&
    [at, bytes, catalogueTag].every(isCount) &&
    [ticks, closeAtMs, seqs].every(isPair)
  );
}

const isEvent = (event: RaceEvent): boolean => isCount(event?.tick) && typeof event.type === 'string';
