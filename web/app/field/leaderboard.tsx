import { createEffect, createMemo, createSignal, For, on, onCleanup, Show } from 'solid-js';
import type { Standing } from '../../client/mod.ts';
import type { Page } from '../page/page.ts';
import { MISSING, sayCar, sayGap, sayLapTime } from '../words.ts';
import { glideRows } from './glide-rows.ts';
import { lastStopsOf, saySince } from './stops.ts';

const STATUS: Readonly<Record<Standing['status'], string>> = { running: '', pit: 'in the pits', silent: 'no data' };
/** How long a place won or lost stays marked. */
const MARKED_MS = 10_000;

/** The order of the race; each car is a button that shows it. @param isWhole With all that is known, and not what a narrow place has room for. */
export function Leaderboard(props: { page: Page; isWhole: boolean }) {
  const { page } = props;
  const standings = () => page.shown.document()?.standings ?? {};
  const order = createMemo(
    () =>
      Object.entries(standings())
        .sort(([, a], [, b]) => a.position - b.position)
        .map(([car]) => car),
    [],
    { equals: (a, b) => a.join() === b.join() },
  );
  const stops = createMemo(() => lastStopsOf(page.shown.document()?.pitStops ?? []));
  let body!: HTMLTableSectionElement;
  createEffect(on(order, () => glideRows(body)));
  return (
    <section id="standings" class="standings" classList={{ whole: props.isWhole }} aria-labelledby="standings-name">
      <h2 id="standings-name">Standings</h2>
      <Show when={order().length === 0}>
        <p class="quiet">The order of the race is not known yet.</p>
      </Show>
      {/* Whoever scrolls by keyboard has to get there. */}
      <section class="scroll" tabindex="0" aria-label="Standings table">
        <table>
          <thead>
            <tr>
              <th scope="col">Pos</th>
              <th scope="col">Car</th>
              <th scope="col">Driver</th>
              <th scope="col">Gap</th>
              <Show when={props.isWhole}>
                <th scope="col">Lap</th>
                <th scope="col">Best</th>
              </Show>
              <th scope="col">Last</th>
              <th scope="col">Stops</th>
              <Show when={props.isWhole}>
                <th scope="col">Last stop</th>
                <th scope="col">Tires</th>
              </Show>
            </tr>
          </thead>
          <tbody ref={body}>
            <For each={order()}>
              {(car) => (
                <Row page={page} car={car} isWhole={props.isWhole} stopLap={stops().get(car)?.lap ?? undefined} />
              )}
            </For>
          </tbody>
        </table>
      </section>
    </section>
  );
}

function Row(props: { page: Page; car: string; isWhole: boolean; stopLap: number | undefined }) {
  const { page } = props;
  const standing = () => page.shown.standing(props.car);
  const status = () => STATUS[standing()?.status ?? 'running'] ?? '';
  const position = createMemo(() => standing()?.position);
  const chosen = () => page.choice().cars.indexOf(props.car) + 1;
  return (
    <tr
      data-row={props.car}
      class={chosen() > 0 ? `chosen car-${chosen()}` : ''}
      classList={{ silent: standing()?.status === 'silent' }}
    >
      <td>
        {position() ?? MISSING}
        <Moved position={position()} />
      </td>
      <td>
        <button
          type="button"
          data-car={props.car}
          aria-pressed={page.focus() === props.car}
          aria-label={`Show car ${props.car}`}
          onClick={() => page.showCar(props.car)}
        >
          {sayCar(props.car).replace('#', '')}
        </button>
      </td>
      <td>
        {page.shown.entry(props.car)?.driver ?? MISSING}
        <Show when={status()}> ({status()})</Show>
      </td>
      <td>{standing() ? sayGap(standing()!) : MISSING}</td>
      <Show when={props.isWhole}>
        <td>{standing()?.lap ?? MISSING}</td>
        <td>{sayLapTime(standing()?.bestLapS)}</td>
      </Show>
      <td>{sayLapTime(standing()?.lastLapS)}</td>
      <td>{standing()?.stops ?? MISSING}</td>
      <Show when={props.isWhole}>
        <td>{props.stopLap === undefined ? MISSING : `lap ${props.stopLap}`}</td>
        <td>{saySince(standing()?.lap, props.stopLap)}</td>
      </Show>
    </tr>
  );
}

/** Places won or lost in the last seconds. Its width is always the same. */
function Moved(props: { position: number | undefined }) {
  const [by, setBy] = createSignal(0);
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));
  createEffect(
    on(
      () => props.position,
      (now, before) => {
        if (now === undefined || before === undefined || now === before) return;
        setBy(by() + before - now);
        clearTimeout(timer);
        timer = setTimeout(() => setBy(0), MARKED_MS);
      },
    ),
  );
  return (
    <span class="moved" classList={{ won: by() > 0, lost: by() < 0 }} aria-hidden="true">
      {by() > 0 ? `▲${by()}` : by() < 0 ? `▼${-by()}` : ''}
    </span>
  );
}
