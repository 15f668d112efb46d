import { For } from 'solid-js';
import { VIEWS, type ViewName } from '../page/address.ts';
import type { Page } from '../page/page.ts';

const NAMES: Readonly<Record<ViewName, string>> = {
  car: 'Car',
  field: 'Field',
  compare: 'Compare',
  channels: 'Channels',
};

/** The parts of the page. */
export function ViewTabs(props: { page: Page }) {
  return (
    <nav class="views" aria-label="Views">
      <For each={VIEWS}>
        {(view) => (
          <button
            type="button"
            data-view={view}
            aria-current={props.page.view() === view ? 'page' : undefined}
            onClick={() => props.page.showView(view)}
          >
            {NAMES[view]}
          </button>
        )}
      </For>
    </nav>
  );
}
