import type { RaceDocument } from '../protocol/document.ts';
import type { Field } from '../protocol/field.ts';
import { RaceCursor, type RaceMoment } from '../protocol/race-cursor.ts';
import type { ArchiveReader } from './archive-reader.ts';
import type { Stretch } from './stretch.ts';

/** A tick of a race that was, with everything that was known when it had been published. */
export interface PlayedTick {
  readonly field: Field;
  readonly document: RaceDocument;
  /** When it closed then, Unix ms. */
  readonly closeAtMs: number;
}

/**
 * The ticks of a stretch, in order, each with the document that was published behind it. Blocks are read one ahead.
 * @throws {ArchiveError} `damaged_block` at the first one that is.
 */
export async function* playTicks(reader: ArchiveReader, stretch: Stretch): AsyncGenerator<PlayedTick> {
  const blocks = reader.blocks.filter(
    ({ epoch, ticks }) => epoch === stretch.epoch && ticks && ticks[0] <= stretch.to && ticks[1] >= stretch.from,
  );
  const cursor = new RaceCursor();
  let pending: RaceMoment | undefined;
  let next = blocks[0] && reader.block(blocks[0]);
  for (const [index, block] of blocks.entries()) {
    const { base, messages } = await next!;
    const ahead = blocks[index + 1];
    next = ahead && reader.block(ahead);
    // Whoever stops before its end does not ask what became of it.
    next?.catch(() => {});
    cursor.useCatalogue(await reader.catalogue(block.catalogueTag));
    if (base && !cursor.moment) cursor.take('keyframe', base);
    for (const { kind, data } of messages) {
      if (kind === 'tick' && pending) {
        yield playedTick(pending, cursor.moment!);
        pending = undefined;
      }
      const step = cursor.take(kind, data);
      const moment = cursor.moment;
      if (!moment) continue;
      if (moment.head.tick > stretch.to) return;
      if (step === 'tick' && moment.head.tick >= stretch.from) pending = moment;
    }
  }
  if (pending) yield playedTick(pending, cursor.moment!);
}

const playedTick = ({ field, head }: RaceMoment, { document }: RaceMoment): PlayedTick => ({
  field,
  document: document as RaceDocument,
  closeAtMs: head.closeAtMs,
});

/** Plays again and again what `play` gives, as long as that is something. */
export async function* loopTicks(play: () => AsyncGenerator<PlayedTick>): AsyncGenerator<PlayedTick> {
  for (let isEmpty = false; !isEmpty; ) {
    isEmpty = true;
    for await (const tick of play()) {
      isEmpty = false;
      yield tick;
    }
  }
}
