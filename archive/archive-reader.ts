import { type Catalogue, parseCatalogue } from '../protocol/catalogue.ts';
import { TelemetryError } from '../protocol/errors.ts';
import { ArchiveError } from './archive-error.ts';
import { BLOCK, BLOCK_HEAD_BYTES, type BlockHead, readBlockHead, unpackBlock } from './block.ts';
import type { ByteSource } from './byte-source.ts';
import { type BlockEntry, type Contents, parseContents } from './contents.ts';
import { expectFileStart, FILE_END_BYTES, FILE_START_BYTES, readFileEnd } from './file-frame.ts';
import { type KeyframePlace, keyframePlaces } from './keyframe-places.ts';
import { type RestoredBlock, restoreBlock } from './restore.ts';
import { findBlocks } from './salvage.ts';

/** Reads the archive of one race. What is damaged is left out and named; the rest is as it was. */
export class ArchiveReader {
  readonly #source: ByteSource;
  readonly #catalogues = new Map<number, Catalogue>();
  readonly contents: Contents;
  /** Whether the end of the file with its index is intact; else the contents were found by reading all of it. */
  readonly hasIndex: boolean;

  private constructor(source: ByteSource, contents: Contents, hasIndex: boolean) {
    this.#source = source;
    this.contents = contents;
    this.hasIndex = hasIndex;
  }

  /** @throws {ArchiveError} `no_archive`, `bad_version`. */
  static async open(source: ByteSource): Promise<ArchiveReader> {
    expectFileStart(await source.read(0, FILE_START_BYTES));
    const index = await readIndex(source);
    return new ArchiveReader(source, index ?? (await findBlocks(source)), index !== undefined);
  }

  /** The blocks with messages, in order. */
  get blocks(): readonly BlockEntry[] {
    return this.contents.blocks.filter(({ type }) => type === BLOCK.ticks);
  }

  /** The catalogue with this tag. @throws {ArchiveError} `damaged_block`, `no_catalogue`. */
  async catalogue(tag: number): Promise<Catalogue> {
    const known = this.#catalogues.get(tag);
    if (known) return known;
    const copies = this.contents.blocks.filter((block) => block.type === BLOCK.catalogue && block.catalogueTag === tag);
    let problem = new ArchiveError('no_catalogue', `The archive does not hold the catalogue with tag ${tag}.`);
    for (const { at } of copies) {
      try {
        const catalogue = parseCatalogue(new TextDecoder().decode(await readPayload(this.#source, at)));
        this.#catalogues.set(tag, catalogue);
        return catalogue;
      } catch (error) {
        if (!(error instanceof ArchiveError)) throw error;
        problem = error;
      }
    }
    throw problem;
  }

  /** The messages of one of the {@link blocks}. @throws {ArchiveError} `damaged_block`, `no_catalogue`. */
  async block({ at, catalogueTag }: BlockEntry): Promise<RestoredBlock> {
    const raw = await readPayload(this.#source, at);
    return restoreBlock(raw, catalogueTag === 0 ? undefined : await this.catalogue(catalogueTag));
  }

  /** Where the keyframes of one of the {@link blocks} are, which is known much sooner. @throws {ArchiveError} `damaged_block`. */
  async keyframes({ at }: BlockEntry): Promise<KeyframePlace[]> {
    return keyframePlaces(await readPayload(this.#source, at));
  }
}

async function readPayload(source: ByteSource, at: number): Promise<Uint8Array> {
  const head = readBlockHead(await source.read(at, BLOCK_HEAD_BYTES), 0);
  if (!head) throw new ArchiveError('damaged_block', `No block begins at byte ${at}.`);
  return unpackBlock(head, await readStored(source, at, head));
}

/** A length that is beyond the end of the file must not cost memory. */
function readStored(source: ByteSource, at: number, { storedBytes }: BlockHead): Promise<Uint8Array> {
  const from = at + BLOCK_HEAD_BYTES;
  return source.read(from, Math.max(0, Math.min(storedBytes, source.size - from)));
}

async function readIndex(source: ByteSource): Promise<Contents | undefined> {
  const indexAt = readFileEnd(await source.read(Math.max(0, source.size - FILE_END_BYTES), FILE_END_BYTES));
  if (indexAt === undefined) return undefined;
  try {
    return parseContents(await readPayload(source, indexAt));
  } catch (error) {
    if (error instanceof TelemetryError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
