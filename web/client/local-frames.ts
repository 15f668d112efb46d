import type { Field } from '../../protocol/field.ts';
import { encodeTickFrame, FRAME_FLAG, hasDigests } from '../../protocol/frames.ts';
import { changeSlice, digestSlice, fullSlice, goneSlice } from '../../protocol/slice.ts';
import type { LocalChoice } from './local-choice.ts';

/** The field at one tick, with the position that goes with it. */
export interface FieldAt {
  readonly tick: number;
  readonly closeAtMs: number;
  readonly seq: number;
  readonly field: Field;
}

/**
 * The tick frame that an edge would send to whoever chose so.
 * @param base What the fan holds; `undefined` for a snapshot.
 * @param flags Sum of FRAME_FLAG without `snapshot`.
 * @param pending Cars that the fan does not hold as it chose them.
 * @param digests Whether all cars come with their digests. @defaultValue as often as an edge sends them
 */
export function frameFor(
  choice: LocalChoice,
  base: FieldAt | undefined,
  head: FieldAt,
  flags: number,
  pending: ReadonlySet<string>,
  digests = hasDigests(base?.tick, head.tick, flags),
): Uint8Array {
  const { tick, closeAtMs, seq } = head;
  const slices: Uint8Array[] = [];
  for (const { slot, car, view } of choice.carsIn(head.field)) {
    const [before, after] = [base?.field.states[slot], head.field.states[slot]];
    const whole = after && fullSlice(slot, car, view, after);
    // A car that left before it came in the new view is still held in the old one.
    const anew = () => whole ?? goneSlice(slot, car, view);
    const slice = !base ? whole : pending.has(car) ? anew() : changeSlice(slot, car, view, before, after);
    if (slice) slices.push(slice);
    if (digests && after) slices.push(digestSlice(slot, car, view, after));
  }
  const span = base ? tick - base.tick : 0;
  return encodeTickFrame({ flags: base ? flags : flags | FRAME_FLAG.snapshot, tick, closeAtMs, seq }, span, slices);
}
