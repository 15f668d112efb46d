import { createMemo, createSignal, For, Show } from 'solid-js';
import { add, hasRoom, MOST_CHOSEN, move, remove } from '../page/choice.ts';
import type { Page } from '../page/page.ts';
import { carsOf } from '../page/watch-list.ts';
import { count, MISSING, sayDriver } from '../words.ts';
import { findDrivers } from './find-drivers.ts';

const isSameList = (a: readonly string[], b: readonly string[]) => a.join() === b.join();

/** Chooses up to four drivers, their order, and favorites, which stand first in the list. */
export default function DriversDialog(props: { page: Page; onClose: () => void }) {
  const { page } = props;
  const [search, setSearch] = createSignal('');
  const found = createMemo(
    () => findDrivers(carsOf(page.shown.document()), page.shown.document()?.roster ?? {}, page.favourites(), search()),
    [],
    { equals: isSameList },
  );
  const name = (car: string) => sayDriver(car, page.shown.entry(car)?.driver);
  return (
    <>
      <Show when={page.choice().cars.length > 0} fallback={<p class="quiet">Nobody is chosen yet.</p>}>
        <ol class="picked" aria-label="Chosen drivers, in order">
          <For each={page.choice().cars}>
            {(car, n) => (
              <li class={`car-${n() + 1}`} data-picked={car}>
                <span class="name">{name(car)}</span>
                <button
                  type="button"
                  aria-label={`Move ${name(car)} up`}
                  disabled={n() === 0}
                  onClick={() => page.choose(move(page.choice(), car, -1))}
                >
                  ↑
                </button>
                <button
                  type="button"
                  aria-label={`Move ${name(car)} down`}
                  disabled={n() === page.choice().cars.length - 1}
                  onClick={() => page.choose(move(page.choice(), car, 1))}
                >
                  ↓
                </button>
                <button
                  type="button"
                  aria-label={`Remove ${name(car)}`}
                  disabled={page.choice().cars.length === 1}
                  onClick={() => page.choose(remove(page.choice(), car))}
                >
                  ✕
                </button>
              </li>
            )}
          </For>
        </ol>
      </Show>
      <search class="search">
        <label for="driver-search">Name, number or team</label>
        <input
          type="search"
          id="driver-search"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <span class="quiet" role="status">
          {hasRoom(page.choice())
            ? count(found().length, 'driver')
            : `${MOST_CHOSEN} are chosen: remove one to add another.`}
        </span>
      </search>
      <ul class="all" tabindex="0" aria-label="All drivers">
        <For
          each={found()}
          fallback={<li class="quiet">Nobody is called so; try a part of the name or the number.</li>}
        >
          {(car) => <DriverLine page={page} car={car} />}
        </For>
      </ul>
      <div class="actions">
        <button type="button" id="drivers-close" onClick={() => props.onClose()}>
          Done
        </button>
      </div>
    </>
  );
}

function DriverLine(props: { page: Page; car: string }) {
  const { page } = props;
  const entry = () => page.shown.entry(props.car);
  const name = () => sayDriver(props.car, entry()?.driver);
  const isChosen = () => page.choice().cars.includes(props.car);
  const isFavourite = () => page.favourites().includes(props.car);
  return (
    <li>
      <button
        type="button"
        class="star"
        data-favourite={props.car}
        aria-pressed={isFavourite()}
        aria-label={`${name()} is a favorite`}
        onClick={() => page.toggleFavourite(props.car)}
      >
        {isFavourite() ? '★' : '☆'}
      </button>
      <span class="name">
        {name()} <small class="quiet">{entry()?.team ?? ''}</small>
      </span>
      <span class="quiet">P{page.shown.standing(props.car)?.position ?? MISSING}</span>
      <button
        type="button"
        data-add={props.car}
        aria-pressed={isChosen()}
        aria-label={`${isChosen() ? 'Chosen' : 'Add'}: ${name()}`}
        disabled={isChosen() ? page.choice().cars.length === 1 : !hasRoom(page.choice())}
        onClick={() => page.choose(isChosen() ? remove(page.choice(), props.car) : add(page.choice(), props.car))}
      >
        {isChosen() ? 'Chosen' : 'Add'}
      </button>
    </li>
  );
}
