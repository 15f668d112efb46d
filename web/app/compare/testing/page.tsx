import { createSignal, For, lazy, Show, Suspense } from 'solid-js';
import { render } from 'solid-js/web';
import { type ChannelValue, openPlayer, type Player } from '../../../client/mod.ts';
import type { Units } from '../../units.ts';

declare global {
  interface Window {
    /** What the page plays, for tests. */
    player: Player;
    /** What the view told last. */
    cursor: readonly [share: number | undefined, places: { car: string; timeMs: number }[]];
  }
}

const ChannelChart = lazy(() => import('../../chart/channel-chart.tsx'));
const CompareView = lazy(() => import('../compare-view.tsx'));

const params = new URLSearchParams(location.search);
const cars = (params.get('cars') ?? '24,9').split(',');
const keys = (params.get('channels') ?? 'speed,throttle,brake').split(',');
const units: Units = params.get('units') === 'us' ? 'us' : 'metric';
const player = openPlayer({
  url: location.origin,
  race: params.get('race') ?? 'demo',
  watch: cars.map((car) => ({ car, view: 'essentials' })),
  delayMs: Number(params.get('delay') ?? 0),
});
window.player = player;
window.cursor = [undefined, []];

function Page() {
  const [channels, setChannels] = createSignal<readonly ChannelValue[]>([]);
  player.on('tick', ({ tick }) => {
    const view = player.car(cars[0]!);
    setChannels(keys.flatMap((key) => view?.channel(key) ?? []));
    document.body.dataset.tick = String(tick);
  });
  return (
    <Show when={channels().length > 0}>
      <For each={['chart', 'compare']}>
        {(part) => (
          <section id={part}>
            <Suspense>
              <Show when={part === 'chart'} fallback={<Comparison />}>
                <ChannelChart player={player} car={cars[0]!} channels={channels()} units={units} />
              </Show>
            </Suspense>
          </section>
        )}
      </For>
    </Show>
  );
}

const Comparison = () => (
  <CompareView
    player={player}
    cars={cars}
    nameOf={(car) => player.document?.roster[car]?.driver ?? ''}
    units={units}
    onCursor={(share, places) => {
      window.cursor = [share, places];
    }}
  />
);

const root = document.getElementById('root')!;
// One below the other, whatever the real page has around them.
root.style.display = 'block';
render(() => <Page />, root);
