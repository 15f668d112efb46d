import type { Catalogue } from '../../protocol/catalogue.ts';
import { NULL_VALUE } from '../../protocol/coding-plan.ts';
import type { CarChange as AppliedChange, ClientState, FrameHead } from '../../protocol/frames.ts';
import { FRAME_FLAG } from '../../protocol/frames.ts';
import { dequantise } from '../../protocol/quantise.ts';
import { SLICE } from '../../protocol/slice.ts';

/** A channel whose value changed, in its unit; `null` is a missing value. */
export interface ChannelChange {
  readonly key: string;
  readonly before: number | null;
  readonly after: number | null;
}

/** What a tick did to one watched car. */
export interface CarChange {
  readonly car: string;
  /** `full`: the car is new here, or all of it came. `gone`: it left the field. */
  readonly kind: 'delta' | 'full' | 'gone';
  /** Only channels whose value changed; worked out when first read. */
  readonly channels: readonly ChannelChange[];
}

/** One tick as it was applied. */
export interface TickEvent {
  readonly tick: number;
  /** Race time at which the tick closed, Unix ms. */
  readonly closeAtMs: number;
  /** Ticks that this one frame covers: 1 at rate 2, more at a lower one and for a composite, 0 for a snapshot. */
  readonly span: number;
  /** What is held now is the snapshot alone; what was held before is forgotten. */
  readonly snapshot: boolean;
  /** The edge joined ticks because this client read too slowly. */
  readonly conflated: boolean;
  /** Part of a repair that a receipt announced. */
  readonly repaired: boolean;
  readonly changes: readonly CarChange[];
}

const KIND = { [SLICE.delta]: 'delta', [SLICE.full]: 'full', [SLICE.gone]: 'gone', [SLICE.digest]: 'delta' } as const;

/** Tells an applied frame to listeners. `before` is what was held, `undefined` at first. */
export function describeTick(
  catalogue: Catalogue,
  applied: { head: FrameHead; span: number; state: ClientState; changes: readonly AppliedChange[] },
  before: ClientState | undefined,
): TickEvent {
  const { head, span, state } = applied;
  const isSnapshot = (head.flags & FRAME_FLAG.snapshot) !== 0;
  const changes = applied.changes.map(({ slot, car, kind }) =>
    describeCar(catalogue, car, KIND[kind], stateIn(before, slot, car), stateIn(state, slot, car)),
  );
  if (isSnapshot) {
    // A snapshot does not name the cars that are no longer there.
    for (const [slot, { car, state: old }] of before?.cars ?? []) {
      if (!stateIn(state, slot, car)) changes.push(describeCar(catalogue, car, 'gone', old, undefined));
    }
  }
  return {
    tick: head.tick,
    closeAtMs: head.closeAtMs,
    span,
    snapshot: isSnapshot,
    conflated: (head.flags & FRAME_FLAG.conflated) !== 0,
    repaired: (head.flags & FRAME_FLAG.repair) !== 0,
    changes,
  };
}

/** The states of a watched car before and after a step; `undefined` while it is not there. */
export interface CarStep {
  readonly car: string;
  readonly before: Int32Array | undefined;
  readonly after: Int32Array | undefined;
}

/** Tells a step of the player to listeners. @param span Ticks that it covers, 0 for a jump. */
export function describeStep(
  catalogue: Catalogue,
  at: { readonly tick: number; readonly closeAtMs: number },
  span: number,
  cars: readonly CarStep[],
): TickEvent {
  const changes = cars.flatMap(({ car, before, after }) => {
    if (!before && !after) return [];
    const kind = !after ? 'gone' : before && span > 0 ? 'delta' : 'full';
    if (kind === 'delta' && after!.every((value, index) => value === before![index])) return [];
    return [describeCar(catalogue, car, kind, before, after)];
  });
  const { tick, closeAtMs } = at;
  return { tick, closeAtMs, span, snapshot: span === 0, conflated: false, repaired: false, changes };
}

function stateIn(at: ClientState | undefined, slot: number, car: string): Int32Array | undefined {
  const known = at?.cars.get(slot);
  return known?.car === car ? known.state : undefined;
}

function describeCar(
  catalogue: Catalogue,
  car: string,
  kind: CarChange['kind'],
  before: Int32Array | undefined,
  after: Int32Array | undefined,
): CarChange {
  let channels: ChannelChange[] | undefined;
  return {
    car,
    kind,
    get channels() {
      channels ??= compare(catalogue, before, after);
      return channels;
    },
  };
}

function compare(catalogue: Catalogue, before: Int32Array | undefined, after: Int32Array | undefined): ChannelChange[] {
  return catalogue.channels.flatMap((channel, index) => {
    const a = before?.[index] ?? NULL_VALUE;
    const b = after?.[index] ?? NULL_VALUE;
    return a === b ? [] : [{ key: channel.key, before: dequantise(channel, a), after: dequantise(channel, b) }];
  });
}
