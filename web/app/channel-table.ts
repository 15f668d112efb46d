import type { CarView, ChannelValue } from '../client/mod.ts';
import { make, setText } from './dom.ts';
import { sayValue } from './words.ts';

interface Line {
  readonly root: HTMLTableRowElement;
  readonly value: HTMLElement;
  readonly search: string;
}

/** Every channel of the chosen car, by group, with a search. */
export class ChannelTable {
  readonly #search = make('input', { type: 'search', id: 'channel-search', autocomplete: 'off', spellcheck: 'false' });
  readonly #found = make('span', { class: 'quiet', role: 'status' });
  readonly #groups = make('div', { class: 'groups' });
  readonly #lines = new Map<string, Line>();
  #layout = '';

  constructor(root: HTMLElement) {
    this.#search.addEventListener('input', () => this.#filter());
    const label = make('label', { for: 'channel-search' }, 'Search');
    root.replaceChildren(
      make('h2', { id: 'channels-name' }, 'All channels'),
      make('div', { class: 'search', role: 'search' }, label, this.#search, this.#found),
      this.#groups,
    );
  }

  show(car: CarView | undefined): void {
    if (!car) {
      for (const { value } of this.#lines.values()) setText(value, sayValue(null, 1));
      return;
    }
    const channels = car.channels();
    const layout = channels.map(({ key }) => key).join(' ');
    if (layout !== this.#layout) this.#build(channels, layout);
    for (const { key, value, resolution } of channels)
      setText(this.#lines.get(key)!.value, sayValue(value, resolution));
  }

  #build(channels: readonly ChannelValue[], layout: string): void {
    this.#layout = layout;
    this.#lines.clear();
    const groups = new Map<string, HTMLElement>();
    for (const { key, label, unit, group } of channels) {
      const value = make('td', { class: 'figure', 'data-channel': key });
      const head = make('th', { scope: 'row' }, label, ' ', make('code', {}, key));
      const root = make('tr', {}, head, value, make('td', { class: 'unit' }, unit));
      this.#lines.set(key, { root, value, search: `${key} ${label} ${group}`.toLowerCase() });
      const body = groups.get(group) ?? make('tbody');
      groups.set(group, body);
      body.append(root);
    }
    this.#groups.replaceChildren(
      ...[...groups].map(([group, body]) => make('table', {}, make('caption', {}, group), body)),
    );
    this.#filter();
  }

  #filter(): void {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { root, search } of this.#lines.values()) {
      root.hidden = !words.every((word) => search.includes(word));
      if (!root.hidden) found++;
    }
    for (const table of this.#groups.querySelectorAll('table')) {
      table.hidden = table.querySelector('tr:not([hidden])') === null;
    }
    const all = this.#lines.size;
    setText(this.#found, words.length === 0 ? `${all} channels` : `${found} of ${all} channels`);
  }
}
