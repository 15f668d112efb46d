import { createMemo, createSignal, For, Show } from 'solid-js';
import type { ChannelValue } from '../../client/mod.ts';
import { CarHeading } from '../cockpit/car-heading.tsx';
import type { Page } from '../page/page.ts';
import { readingOf } from '../parts/reading.ts';
import { PinnedChannels } from './pinned-channels.tsx';

const isSameList = (a: readonly string[], b: readonly string[]) => a.join(' ') === b.join(' ');

/** Every channel of the car in front, by group, with a search; what is wanted stays in sight. */
export default function ChannelsView(props: { page: Page }) {
  const { page } = props;
  const [search, setSearch] = createSignal('');
  const channels = createMemo(() => page.shown.channels(page.focus()));
  /** Names do not change while values do: rows stay the same rows, and a screen reader is left alone. */
  const keys = createMemo(() => channels().map(({ key }) => key), [], { equals: isSameList });
  const known = createMemo(() => new Map(channels().map((channel) => [channel.key, channel])));
  const words = createMemo(() => search().toLowerCase().split(/\s+/).filter(Boolean));
  const isFound = (key: string) => {
    const { label, group } = known().get(key)!;
    const text = `${key} ${label} ${group}`.toLowerCase();
    return words().every((word) => text.includes(word));
  };
  const found = createMemo(() => keys().filter(isFound), [], { equals: isSameList });
  const groups = createMemo(() => [...new Set(found().map((key) => known().get(key)!.group))], [], {
    equals: isSameList,
  });
  return (
    <section id="channels" aria-labelledby="car-name">
      <CarHeading page={page} />
      <search class="search">
        <label for="channel-search">Search in all channels</label>
        <input
          type="search"
          id="channel-search"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <span class="quiet" role="status">
          {words().length === 0 ? `${keys().length} channels` : `${found().length} of ${keys().length} channels`}
        </span>
      </search>
      <PinnedChannels page={page} />
      <div class="groups">
        <For each={groups()}>
          {(group) => (
            <table>
              <caption>{group}</caption>
              <tbody>
                <For each={found().filter((key) => known().get(key)!.group === group)}>
                  {(key) => <ChannelRow page={page} channel={known().get(key)} />}
                </For>
              </tbody>
            </table>
          )}
        </For>
      </div>
    </section>
  );
}

function ChannelRow(props: { page: Page; channel: ChannelValue | undefined }) {
  const { page } = props;
  // Gone with another catalogue: the row goes in the same turn.
  const channel = createMemo<ChannelValue>((before) => props.channel ?? before, props.channel!);
  const reading = createMemo(() => readingOf(page, page.focus(), channel()));
  const isPinned = () => page.settings.pins().includes(channel().key);
  return (
    <tr data-severity={reading().severity}>
      <td class="pin">
        <button
          type="button"
          data-pin={channel().key}
          aria-pressed={isPinned()}
          aria-label={`Keep ${channel().label} in sight`}
          title="Keep in sight, as a figure and a chart"
          onClick={() => page.settings.togglePin(channel().key)}
        >
          {isPinned() ? '★' : '☆'}
        </button>
      </td>
      <th scope="row">
        {channel().label} <code>{channel().key}</code>
        <Show when={reading().trouble}>
          {' '}
          <span class="trouble">{reading().trouble}</span>
        </Show>
      </th>
      <td class="figure" data-channel={channel().key}>
        {reading().text}
      </td>
      <td class="unit">{reading().unit}</td>
    </tr>
  );
}
