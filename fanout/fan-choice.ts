import type { Wish } from '../protocol/control.ts';
import type { Delivery } from './delivery.ts';
import type { Fan } from './fan.ts';

/** Changes the choice of a live fan in place: kept cars go on, added ones come whole in the next frame. */
export function chooseAnew(fan: Fan, { watch, channels }: Wish, { book, state }: Delivery): void {
  const before = fan.choice!;
  const list = channels ?? before.list?.channels;
  const after = book.take({ watch, ...(list && { channels: list }) }, state.head!.field);
  const pending = new Set(fan.pending);
  for (const { car } of watch) if (before.viewOf(car) !== after.viewOf(car)) pending.add(car);
  for (const car of pending) if (!after.viewOf(car)) pending.delete(car);
  fan.pending = pending.size > 0 ? pending : undefined;
  book.release(before);
  fan.choice = after;
  // Somebody waits for it: it comes with the next tick at any rate.
  if (fan.pending && !fan.replay) fan.dueTick = Math.min(fan.dueTick, state.head!.tick + 1);
}

/** Takes the choice of a live fan over into a state that began anew, as far as its catalogue has it; the fan is told what it has not. */
export function keepChoice(fan: Fan, delivery: Delivery): void {
  const { kept, lost } = delivery.book.narrow(fan.choice!.wish);
  fan.choice = delivery.book.take(kept, delivery.state.head!.field);
  fan.pending = undefined;
  if (lost > 0) tellLost(fan, delivery, lost);
}

/** Tells a fan that its choice is what is left of it in another catalogue. */
export function tellLost(fan: Fan, delivery: Delivery, lost: number): void {
  const message = `The new catalogue does not have ${lost} of the views and channels that were chosen.`;
  fan.say({ type: 'error', code: 'bad_watch', message });
  sayWatching(fan, delivery, 0);
}

/** @param id Of the `watch` that is answered, 0 when none is. */
export function sayWatching(fan: Fan, { state }: Delivery, id: number): void {
  const { wish } = fan.choice!;
  fan.say({ type: 'watching', id, ...wish, unknown: fan.choice!.unknownIn(state.head!.field) });
}
