import { createMemo, For } from 'solid-js';
import type { Page } from '../page/page.ts';
import { MISSING, sayCar, sayGap, saySurname } from '../words.ts';
import { read } from './reading.ts';

/** The drivers of the fan: who they are and where they stand. One of them fills the page. */
export function DriverStrip(props: { page: Page; onAdd: () => void }) {
  return (
    <section class="drivers" aria-label="Your drivers">
      <For each={props.page.choice().cars}>
        {(car, n) => <DriverCard page={props.page} car={car} place={n() + 1} />}
      </For>
      <button type="button" id="drivers-open" onClick={() => props.onAdd()}>
        {props.page.choice().cars.length === 0 ? 'Choose your drivers' : 'Drivers'}
      </button>
    </section>
  );
}

function DriverCard(props: { page: Page; car: string; place: number }) {
  const { page } = props;
  const standing = () => page.shown.standing(props.car);
  const speed = createMemo(() => read(page, props.car, 'speed'));
  const where = () => {
    const now = standing();
    if (now?.status === 'silent') return 'no data';
    return now?.status === 'pit' ? 'in the pits' : now ? sayGap(now) : MISSING;
  };
  const name = () => saySurname(page.shown.entry(props.car)?.driver);
  return (
    <button
      type="button"
      class={`driver car-${props.place}`}
      data-driver={props.car}
      aria-pressed={page.focus() === props.car}
      onClick={() => page.showCar(props.car)}
    >
      <span class="line">
        <span class="who">
          <strong>{sayCar(props.car)}</strong> {name()}
        </span>
        <span class="figure">P{standing()?.position ?? MISSING}</span>
      </span>
      <span class="line">
        <span class="figure">{where()}</span>
        <span class="figure">
          {speed().text} <span class="unit">{speed().unit}</span>
        </span>
      </span>
    </button>
  );
}
