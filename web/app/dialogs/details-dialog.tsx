import { createMemo, For, Show } from 'solid-js';
import type { Page } from '../page/page.ts';
import { count, MISSING, sayAge, sayBytes } from '../words.ts';

/** Everything that is known of the connection, for the curious and for support. */
export default function DetailsDialog(props: { page: Page; onClose: () => void }) {
  const { page } = props;
  const lines = createMemo((): readonly (readonly [string, string])[] => {
    // The state of the connection is looked at several times a second.
    const { ageMs, bytesPerSecond, connection } = page.shown.status.view();
    const race = page.shown.player()?.race;
    if (!race) return [['Connection', connection]];
    const { ticks, bytes, gaps, conflated, digestMismatches, malformed, reconnects, receipts } = race.statistics();
    const { position } = race;
    const repairs = Object.entries(receipts).filter(([, { count: times }]) => times > 0);
    return [
      ['Connection', connection],
      ['Way', race.transport],
      ['Server', race.edge ?? MISSING],
      ['Position', position ? `${position.epoch}:${position.seq}` : MISSING],
      ['Age of data', sayAge(ageMs)],
      ['Traffic', `${sayBytes(bytesPerSecond)}/s, ${sayBytes(bytes)} in all`],
      ['Ticks', String(ticks)],
      ['Ticks joined, because this device was slow', String(conflated)],
      ['Gaps found', String(gaps)],
      ['Checksums that differed', String(digestMismatches)],
      ['Messages refused', String(malformed)],
      ['Reconnections', String(reconnects)],
      [
        'Repairs',
        repairs
          .map(
            ([kind, sum]) =>
              `${count(sum.count, kind.replace(/s$/, ''))} for ${count(sum.ticks, 'tick')}, ${sayBytes(sum.bytes)}`,
          )
          .join('; ') || MISSING,
      ],
      ['Cars that come', String(race.choice.length)],
      ['Without a network', page.offline()],
    ];
  });
  return (
    <>
      <dl class="facts">
        <For each={lines().map(([name]) => name)}>
          {(name, n) => (
            <div>
              <dt>{name}</dt>
              <dd data-detail={name}>{lines()[n()]?.[1]}</dd>
            </div>
          )}
        </For>
      </dl>
      <Show when={page.shown.player()}>
        <p class="quiet">Copy this, and the time, into a message to support.</p>
      </Show>
      <div class="actions">
        <button type="button" id="details-close" onClick={() => props.onClose()}>
          Close
        </button>
      </div>
    </>
  );
}
