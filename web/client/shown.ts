import { type Catalogue, compileOwnView, OWN_VIEW } from '../../protocol/catalogue.ts';
import { NULL_VALUE, type View } from '../../protocol/coding-plan.ts';
import type { Watch } from '../../protocol/control.ts';
import type { RaceDocument } from '../../protocol/document.ts';
import { type CarView, viewCar } from './car-view.ts';
import type { PastMoment } from './past-reader.ts';
import type { Race } from './race.ts';
import type { TickEvent } from './tick-event.ts';

/** What a fan chose. */
interface Choice {
  readonly choice: readonly Watch[];
  readonly channels: readonly string[] | undefined;
}

/** A race as it is on the screen: at one tick, and it stays so. */
export interface Shown {
  readonly epoch: string;
  readonly tick: number;
  readonly closeAtMs: number;
  readonly catalogue: Catalogue;
  readonly document: RaceDocument | undefined;
  car(id: string): CarView | undefined;
  /** Values by catalogue index; null outside of the view. */
  state(id: string): Int32Array | undefined;
}

/** What a live race shows now, its newest tick being `at`; `undefined` before that. Cars that are chosen later are not in it. */
export function freeze(race: Race, at: TickEvent | undefined): Shown | undefined {
  const { position, catalogue, document } = race;
  if (!position || !catalogue || !at) return undefined;
  const views = new Map(race.cars().map((view) => [view.car, view]));
  const states = new Map([...views.keys()].map((car) => [car, race.state(car)]));
  return {
    ...{ epoch: position.epoch, tick: at.tick, closeAtMs: at.closeAtMs, catalogue, document },
    car: (id) => views.get(id),
    state: (id) => states.get(id),
  };
}

/** A moment of the past, of which a fan sees what is chosen whenever it looks. */
export function showMoment(moment: PastMoment, fan: Choice, wantsDocument: boolean): Shown {
  const { catalogue, field, head } = moment;
  /** By car and what is shown of it, so that a state that is asked for twice is the same. */
  const known = new Map<string, Int32Array>();
  const find = (id: string) => {
    const view = viewOf(catalogue, fan, id);
    const whole = field.states[field.cars.indexOf(id)];
    if (!view || !whole) return undefined;
    const key = `${id} ${view.name} ${view.channels.join()}`;
    const state = known.get(key) ?? narrow(whole, view);
    known.set(key, state);
    return { car: id, view, state };
  };
  return {
    ...{ epoch: head.epoch, tick: head.tick, closeAtMs: head.closeAtMs, catalogue },
    document: wantsDocument ? (moment.document as RaceDocument) : undefined,
    state: (id) => find(id)?.state,
    car(id) {
      const watched = find(id);
      return watched && viewCar(catalogue, head, watched);
    },
  };
}

/** The view in which a car is chosen, as this catalogue has it. */
function viewOf(catalogue: Catalogue, { choice, channels }: Choice, id: string): View | undefined {
  const name = choice.find(({ car }) => car === id)?.view;
  if (name === undefined || name !== OWN_VIEW.name) return name === undefined ? undefined : catalogue.viewOf(name);
  const keys = (channels ?? []).filter((key) => catalogue.indexOf(key) !== undefined);
  return keys.length > 0 ? compileOwnView(catalogue, keys) : undefined;
}

function narrow(whole: Int32Array, { channels }: View): Int32Array {
  const state = new Int32Array(whole.length).fill(NULL_VALUE);
  for (const index of channels) state[index] = whole[index]!;
  return state;
}
