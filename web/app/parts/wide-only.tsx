import { createSignal, type JSX, onCleanup, Show } from 'solid-js';

/** Where two columns have room. */
const WIDE = matchMedia('(min-width: 64rem)');

/** What stands on wide screens only: a phone does not fetch it. */
export function WideOnly(props: { children: JSX.Element }) {
  const [isWide, set] = createSignal(WIDE.matches);
  const look = () => set(WIDE.matches);
  WIDE.addEventListener('change', look);
  onCleanup(() => WIDE.removeEventListener('change', look));
  return <Show when={isWide()}>{props.children}</Show>;
}
