import { createMemo, Show } from 'solid-js';
import type { Page } from '../page/page.ts';
import { type Reading, read } from '../parts/reading.ts';
import { shownIn } from '../units.ts';
import { MISSING } from '../words.ts';

/** What the picture has room for. */
const MOST_G = 4;

/** What pulls at the driver: a dot that moves as the driver's head does. */
export function GForce(props: { page: Page }) {
  const of = (...keys: string[]) => read(props.page, props.page.focus(), ...keys);
  const lateral = createMemo(() => of('accel_lat', 'acc_y'));
  const along = createMemo(() => of('accel_long', 'acc_x'));
  /** In g, which is what fans think in, in whichever units. */
  const inG = ({ value, channel }: Reading) =>
    value === null || !channel ? null : shownIn('metric', channel.unit, channel.resolution).convert(value);
  const total = () => {
    const [x, y] = [inG(lateral()), inG(along())];
    return x === null || y === null ? null : Math.hypot(x, y);
  };
  const at = (g: number | null) => (10 * Math.min(MOST_G, Math.max(-MOST_G, g ?? 0))).toFixed(1);
  const say = () => (total() === null ? MISSING : total()!.toFixed(1));
  return (
    <Show when={lateral().channel}>
      <figure class="g-force">
        <figcaption>
          G-force <span class="unit">g</span>
        </figcaption>
        <svg viewBox="-44 -44 88 88" role="img" aria-label={`${say()} g`}>
          <circle r="10" class="ring" />
          <circle r="20" class="ring" />
          <circle r="30" class="ring" />
          <circle r="40" class="ring" />
          <path d="M-40 0 H40 M0 -40 V40" class="ring" />
          {/* Thrown to the right in a left-hand bend, and forward, which is up, under brakes. */}
          <circle r="5" class="dot" cx={at(-(inG(lateral()) ?? 0))} cy={at(inG(along()))} />
        </svg>
        <span class="figure" data-figure="g_force">
          {say()}
        </span>
      </figure>
    </Show>
  );
}
