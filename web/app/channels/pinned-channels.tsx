import { For, lazy, Show } from 'solid-js';
import type { ChannelValue } from '../../client/mod.ts';
import type { Page } from '../page/page.ts';
import { Later } from '../parts/later.tsx';
import { readingOf } from '../parts/reading.ts';

/** Charts come when somebody wants one: the first view of the page does not wait for them. */
const ChannelChart = lazy(() => import('../chart/channel-chart.tsx'));
/** More lines than this cannot be told apart. */
const MOST_CHARTED = 4;

/** The channels that the fan keeps in sight: as figures, and the first of them as a chart. */
export function PinnedChannels(props: { page: Page; hint?: string }) {
  const { page } = props;
  const pinned = (): ChannelValue[] =>
    page.settings.pins().flatMap((key) => page.shown.channel(page.focus(), key) ?? []);
  const charted = () => pinned().slice(0, MOST_CHARTED);
  return (
    <Show when={page.settings.pins().length > 0} fallback={props.hint && <p class="quiet hint">{props.hint}</p>}>
      <section class="pinned" aria-labelledby="pinned-name">
        <h3 id="pinned-name">Kept in sight</h3>
        <dl class="dials">
          <For each={page.settings.pins()}>
            {(key) => (
              <Show when={page.shown.channel(page.focus(), key)}>
                {(channel) => {
                  const reading = () => readingOf(page, page.focus(), channel());
                  return (
                    <div>
                      <dt>
                        {channel().label} <span class="unit">{reading().unit}</span>
                      </dt>
                      <dd>
                        <span class="figure" data-pinned={key} data-severity={reading().severity}>
                          {reading().text}
                        </span>{' '}
                        <span class="trouble">{reading().trouble}</span>
                      </dd>
                    </div>
                  );
                }}
              </Show>
            )}
          </For>
        </dl>
        <Show when={page.shown.player() && page.focus() !== undefined && charted().length > 0}>
          <Later>
            <ChannelChart
              player={page.shown.player()!}
              car={page.focus()!}
              channels={charted()}
              units={page.settings.units()}
            />
          </Later>
        </Show>
      </section>
    </Show>
  );
}
