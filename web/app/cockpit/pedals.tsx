import { createMemo, Show } from 'solid-js';
import type { Page } from '../page/page.ts';
import { read } from '../parts/reading.ts';
import { MISSING } from '../words.ts';

/** Throttle, brake and steering wheel. */
export function Pedals(props: { page: Page }) {
  const steering = createMemo(() => read(props.page, props.page.focus(), 'steering'));
  return (
    <div class="controls">
      <div class="pedals">
        <Pedal page={props.page} channel="throttle" label="Throttle" />
        <Pedal page={props.page} channel="brake" label="Brake" />
      </div>
      <Show when={steering().channel}>
        <div class="wheel">
          <svg viewBox="-24 -24 48 48" role="img" aria-label={`Steering wheel at ${steering().text}°`}>
            {/* As the driver sees it: to the left is positive in the recordings that tell. */}
            <g style={{ transform: `rotate(${-(steering().value ?? 0)}deg)` }}>
              <circle r="19" class="rim" />
              <path d="M-19 0 H19 M0 0 V19" class="rim" />
              <path d="M0 -22 V-15" class="top" />
            </g>
          </svg>
          <span class="figure" data-figure="steering">
            {steering().text}
          </span>
          <span class="unit"> {steering().unit}</span>
        </div>
      </Show>
    </div>
  );
}

function Pedal(props: { page: Page; channel: string; label: string }) {
  const reading = createMemo(() => read(props.page, props.page.focus(), props.channel));
  const percent = () => {
    const { value, channel } = reading();
    if (value === null) return null;
    // Some recordings know only whether the brake was pressed: 0 or 1, without a unit.
    return Math.min(100, Math.max(0, channel?.unit === '%' ? value : value * 100));
  };
  const text = () => (percent() === null ? MISSING : `${Math.round(percent()!)} %`);
  return (
    <div class="pedal">
      <span class="quiet">{props.label}</span>
      {/* biome-ignore lint/a11y/useSemanticElements: browsers draw a meter element each in its own way, and in none of these colors */}
      <div
        class={`meter ${props.channel}`}
        role="meter"
        aria-label={props.label}
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow={Math.round(percent() ?? 0)}
        aria-valuetext={percent() === null ? 'unknown' : `${Math.round(percent()!)} percent`}
      >
        <div class="bar" style={{ '--share': String((percent() ?? 0) / 100) }} />
      </div>
      <span class="figure" data-figure={props.channel}>
        {text()}
      </span>
    </div>
  );
}
