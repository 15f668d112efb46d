import type { View } from './coding-plan.ts';
import { applyDelta, encodeDelta } from './delta.ts';

/**
 * Joins any run of deltas of one car in one view into one that does the same in one step.
 *
 * @param base The state that the first delta builds on; left alone. A delta without its base cannot be read.
 * @returns `undefined` when the run ends where it began. The bytes are the caller's.
 * @throws {ProtocolError} as {@link applyDelta}.
 */
export function composeDeltas(view: View, base: Int32Array, deltas: readonly Uint8Array[]): Uint8Array | undefined {
  const state = base.slice();
  for (const delta of deltas) applyDelta(view, state, delta);
  return encodeDelta(view, base, state)?.slice();
}
