import { parseCatalogue } from '../protocol/catalogue.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { readStreamHead } from '../protocol/tick-message.ts';
import { ArchiveError } from './archive-error.ts';
import { BLOCK, BLOCK_HEAD_BYTES, BLOCK_MARK, type BlockHead, readBlockHead, unpackBlock } from './block.ts';
import type { ByteSource } from './byte-source.ts';
import type { BlockEntry, Contents } from './contents.ts';
import { FILE_START_BYTES } from './file-frame.ts';
import { readTickBlock } from './tick-block.ts';

const WINDOW_BYTES = 1 << 20;

/**
 * Finds out what is in a file without its index, by looking for blocks everywhere. Blocks that are damaged are left
 * out. Events are not found anew, and the name of the race is not known.
 */
export async function findBlocks(source: ByteSource): Promise<Contents> {
  const blocks: BlockEntry[] = [];
  const messages: Record<string, number> = {};
  let tickBytes = 0;
  const problems = ['The end of the file with its index is missing or damaged.'];
  for (let at = FILE_START_BYTES; ; ) {
    const found = await findMark(source, at);
    if (!found) break;
    at = found.at + 1;
    const raw = await unpack(source, found);
    if (!raw) {
      problems.push(`The block at byte ${found.at} is damaged.`);
      continue;
    }
    at = found.at + BLOCK_HEAD_BYTES + found.head.storedBytes;
    const entry = describe(found, raw);
    if (!entry) continue;
    blocks.push(entry.block);
    for (const { kind, bytes } of entry.messages) {
      messages[kind] = (messages[kind] ?? 0) + 1;
      if (kind === 'tick') tickBytes += bytes;
    }
  }
  return { version: 1, race: '', blocks, events: [], messages, tickBytes, problems };
}

interface FoundBlock {
  readonly at: number;
  readonly head: BlockHead;
}

/** The next place from `from` on where an intact head of a block stands. */
async function findMark(source: ByteSource, from: number): Promise<FoundBlock | undefined> {
  for (let start = from; start + BLOCK_HEAD_BYTES <= source.size; start += WINDOW_BYTES - BLOCK_HEAD_BYTES + 1) {
    const window = Buffer.from(await source.read(start, WINDOW_BYTES));
    for (let i = window.indexOf(BLOCK_MARK); i >= 0; i = window.indexOf(BLOCK_MARK, i + 1)) {
      const head = readBlockHead(window, i);
      if (head) return { at: start + i, head };
    }
  }
  return undefined;
}

async function unpack(source: ByteSource, { at, head }: FoundBlock): Promise<Uint8Array | undefined> {
  if (at + BLOCK_HEAD_BYTES + head.storedBytes > source.size) return undefined;
  try {
    return unpackBlock(head, await source.read(at + BLOCK_HEAD_BYTES, head.storedBytes));
  } catch (error) {
    if (error instanceof ArchiveError) return undefined;
    throw error;
  }
}

interface Described {
  readonly block: BlockEntry;
  readonly messages: readonly { readonly kind: string; readonly bytes: number }[];
}

function describe({ at, head }: FoundBlock, raw: Uint8Array): Described | undefined {
  const { type, storedBytes } = head;
  const block = { type, at, bytes: BLOCK_HEAD_BYTES + storedBytes };
  if (type === BLOCK.index) return undefined;
  if (type === BLOCK.catalogue) {
    const { tag } = parseCatalogue(new TextDecoder().decode(raw));
    return { block: { ...block, catalogueTag: tag }, messages: [] };
  }
  const { head: begin, entries } = readTickBlock(raw);
  const heads = entries.flatMap((entry) =>
    'kind' in entry && entry.kind === 'tick' ? (headOf(entry.data) ?? []) : [],
  );
  const [first, last] = [heads[0], heads.at(-1)];
  const messages = entries.map((entry) =>
    'made' in entry ? { kind: entry.made, bytes: 0 } : { kind: entry.kind, bytes: entry.data.length },
  );
  const seqs: [number, number] = [begin.beforeSeq + 1, entries.at(-1)?.seq ?? begin.beforeSeq];
  const place = first && last && { ticks: [first.tick, last.tick], closeAtMs: [first.closeAtMs, last.closeAtMs] };
  const { catalogueTag } = begin;
  return { block: { ...block, catalogueTag, seqs, epoch: first?.epoch, ...place } as BlockEntry, messages };
}

function headOf(data: Uint8Array) {
  try {
    return readStreamHead(data);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
