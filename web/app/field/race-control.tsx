import { createMemo, For, Show } from 'solid-js';
import type { Page } from '../page/page.ts';
import { sayTimeOfDay } from '../words.ts';
import { messagesOf } from './race-messages.ts';

const MOST_SHOWN = 40;

/** What happened in the race: what race control said, flags, and the stops of the chosen drivers. */
export function RaceControl(props: { page: Page }) {
  const { page } = props;
  const messages = createMemo(
    () => {
      const race = page.shown.document();
      return race ? messagesOf(race, page.choice().cars).slice(-MOST_SHOWN).reverse() : [];
    },
    [],
    {
      equals: (a, b) =>
        a.length === b.length && a.every((one, n) => one.atMs === b[n]!.atMs && one.text === b[n]!.text),
    },
  );
  return (
    <section class="control" aria-labelledby="control-name">
      <h2 id="control-name">Race control</h2>
      <Show when={messages().length > 0} fallback={<p class="quiet">Nothing has happened yet.</p>}>
        <ol tabindex="0" aria-label="What happened, newest first">
          <For each={messages()}>
            {(message) => (
              <li class={`message ${message.kind}`}>
                <button
                  type="button"
                  title="Go there"
                  onClick={() => page.playback.acts.seek({ timeMs: message.atMs })}
                >
                  {sayTimeOfDay(message.atMs)}
                </button>
                <span>{message.text}</span>
              </li>
            )}
          </For>
        </ol>
      </Show>
    </section>
  );
}
