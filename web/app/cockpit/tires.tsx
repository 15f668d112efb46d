import { createMemo, For, Show } from 'solid-js';
import type { Page } from '../page/page.ts';
import { read } from '../parts/reading.ts';

/** As the car stands, seen from above with its nose up. */
const CORNERS = [
  { id: 'lf', label: 'Left front' },
  { id: 'rf', label: 'Right front' },
  { id: 'lr', label: 'Left rear' },
  { id: 'rr', label: 'Right rear' },
] as const;
const STRIPS = ['l', 'm', 'r'] as const;
const [COLD_C, HOT_C] = [20, 140];

/** Temperatures, pressures and tread of the four tires. Not every catalogue knows tires. */
export function Tires(props: { page: Page }) {
  const of = (key: string) => read(props.page, props.page.focus(), key);
  return (
    <Show when={of('tire_lf_temp_m').channel}>
      <section class="tires" aria-label="Tires">
        <For each={CORNERS}>{(corner) => <Tire page={props.page} id={corner.id} label={corner.label} />}</For>
      </section>
    </Show>
  );
}

function Tire(props: { page: Page; id: string; label: string }) {
  const of = (key: string) => read(props.page, props.page.focus(), key.replace('*', props.id));
  const heat = (value: number | null) =>
    value === null ? 0 : Math.min(1, Math.max(0, (value - COLD_C) / (HOT_C - COLD_C)));
  return (
    <div class="tire">
      <h3>
        {props.label} <span class="unit">{of('tire_*_temp_m').unit}</span>
      </h3>
      <div class="strips">
        <For each={STRIPS}>
          {(strip) => {
            const reading = createMemo(() => of(`tire_*_temp_${strip}`));
            return (
              <span
                class="figure strip"
                data-figure={`tire_${props.id}_temp_${strip}`}
                data-severity={reading().severity}
                title={reading().trouble}
                style={{ '--heat': heat(reading().value).toFixed(2) }}
              >
                {reading().text}
              </span>
            );
          }}
        </For>
      </div>
      <p class="details">
        <Detail name={`tire_${props.id}_press`} reading={of('tire_*_press')} />
        <Detail name={`tire_${props.id}_wear_m`} reading={of('tire_*_wear_m')} what="tread" />
        <Show when={of('brake_*_temp').value !== null || of('brake_*_temp').trouble}>
          <Detail name={`brake_${props.id}_temp`} reading={of('brake_*_temp')} what="brake" />
        </Show>
      </p>
    </div>
  );
}

function Detail(props: { name: string; reading: ReturnType<typeof read>; what?: string }) {
  const reading = createMemo(() => props.reading);
  return (
    <span>
      <span class="figure" data-figure={props.name} data-severity={reading().severity} title={reading().trouble}>
        {reading().text}
      </span>
      <span class="unit">
        {' '}
        {reading().unit} {props.what}
      </span>
    </span>
  );
}
