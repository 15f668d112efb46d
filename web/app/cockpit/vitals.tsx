import { createMemo, For, Show } from 'solid-js';
import type { ChannelValue } from '../../client/mod.ts';
import type { Page } from '../page/page.ts';
import { readingOf } from '../parts/reading.ts';

/** They have places of their own, or say little beside the value that they belong to. */
const ELSEWHERE = ['fuel_pct', 'rpm', 'rpm_max', 'shift_light', 'oil_press_min'];

/** Whether the engine is well: every channel for which the catalogue has limits, but for those of the wheels. */
export function Vitals(props: { page: Page }) {
  const channels = createMemo(() =>
    props.page.shown
      .channels(props.page.focus())
      .filter(
        ({ key, limits, group }) =>
          limits !== undefined && group !== 'tires' && !key.startsWith('brake_') && !ELSEWHERE.includes(key),
      ),
  );
  /** By key: a row stays the same row while its value changes. */
  const keys = createMemo(() => channels().map(({ key }) => key), [], { equals: (a, b) => a.join() === b.join() });
  const byKey = (key: string) => channels().find((one) => one.key === key);
  return (
    <Show when={keys().length > 0}>
      <section class="vitals" aria-labelledby="vitals-name">
        <h3 id="vitals-name">Vitals</h3>
        <dl>
          <For each={keys()}>
            {(key) => <Show when={byKey(key)}>{(one) => <Vital page={props.page} channel={one()} />}</Show>}
          </For>
        </dl>
      </section>
    </Show>
  );
}

function Vital(props: { page: Page; channel: ChannelValue }) {
  const reading = createMemo(() => readingOf(props.page, props.page.focus(), props.channel));
  /** Where the value stands between the ends of what is usual: the limits, with a third of their span around. */
  const share = () => {
    const { min, max, limits, value } = props.channel;
    if (value === null || !limits) return 0;
    const low = limits.alarmBelow ?? limits.warnBelow ?? min;
    const high = limits.alarmAbove ?? limits.warnAbove ?? Math.min(max, 3 * (limits.warnBelow ?? max));
    const margin = (high - low) / 3;
    return Math.min(1, Math.max(0, (value - low + margin) / (high - low + 2 * margin)));
  };
  return (
    <div class="vital" data-severity={reading().severity} data-vital={props.channel.key}>
      <dt>{props.channel.label}</dt>
      <dd>
        <span class="meter" aria-hidden="true">
          <span class="bar" style={{ '--share': String(share()) }} />
        </span>
        <span class="figure">{reading().text}</span> <span class="unit">{reading().unit}</span>
        <span class="trouble">{reading().trouble ?? '\u00a0'}</span>
      </dd>
    </div>
  );
}
