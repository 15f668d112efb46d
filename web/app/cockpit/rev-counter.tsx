import { createMemo, For } from 'solid-js';
import type { Page } from '../page/page.ts';
import { read } from '../parts/reading.ts';
import { MISSING } from '../words.ts';
import { shiftShare } from './shift-light.ts';

/** Green while there is time, then yellow, then red. */
const LIGHTS = ['green', 'green', 'green', 'green', 'yellow', 'yellow', 'yellow', 'red', 'red', 'red'] as const;

const sayGear = (gear: number | null): string =>
  gear === null ? MISSING : gear === 0 ? 'N' : gear < 0 ? 'R' : String(gear);

/** Gear, speed and engine speed, under the lights that tell the driver when to shift. */
export function RevCounter(props: { page: Page }) {
  const { page } = props;
  const of = (key: string) => read(page, page.focus(), key);
  const speed = createMemo(() => of('speed'));
  const rpm = createMemo(() => of('rpm'));
  const share = createMemo(() => shiftShare(of('shift_light').channel, rpm().channel));
  const lit = () => Math.round((share() ?? 0) * LIGHTS.length);
  return (
    <div class="revs">
      <div
        class="lights"
        role="img"
        aria-label={
          share() === null ? 'Shift light: unknown' : lit() === LIGHTS.length ? 'Shift light: shift' : 'Shift light'
        }
        data-lit={lit()}
      >
        <For each={LIGHTS}>{(color, n) => <i class={color} classList={{ lit: n() < lit() }} />}</For>
      </div>
      <p class="gear">
        <span class="figure" data-figure="gear">
          {sayGear(of('gear').value)}
        </span>
        <span class="unit">gear</span>
      </p>
      <p class="speed">
        <span class="figure" data-figure="speed">
          {speed().text}
        </span>
        <span class="unit">{speed().unit}</span>
      </p>
      <p class="rpm">
        <span class="figure" data-figure="rpm">
          {rpm().text}
        </span>
        <span class="unit">{rpm().unit || 'rpm'}</span>
      </p>
    </div>
  );
}
