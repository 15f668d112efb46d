import { createMemo, For, Show } from 'solid-js';
import type { Page } from '../page/page.ts';
import { MISSING, sayFlag, sayKind } from '../words.ts';

/** Name, nature, flag and lap of the race, and what opens the dialogs. */
export function RaceHeader(props: { page: Page; onDevices: () => void; onDetails: () => void; onHelp: () => void }) {
  const { page } = props;
  const session = () => page.shown.document()?.session;
  const flag = createMemo(() => page.shown.document()?.flag);
  const lap = () =>
    `${page.shown.document()?.lap ?? MISSING}${session()?.lapsTotal ? ` of ${session()!.lapsTotal}` : ''}`;
  return (
    <header>
      <div class="title">
        <span class="brand">Slipstream</span>
        <h1>
          <span id="race-name">{session()?.name ?? page.shown.name() ?? 'Race telemetry'}</span>{' '}
          <small id="track">{session()?.track ?? ''}</small>
        </h1>
        <Show when={session()}>
          {(known) => (
            <strong id="kind" class="kind" data-kind={known().kind} title={known().origin ?? undefined}>
              {sayKind(known().kind)}
            </strong>
          )}
        </Show>
      </div>
      <dl class="race-facts">
        <div>
          <dt>Flag</dt>
          <dd id="flag" class="flag" data-flag={flag() ?? ''}>
            <span role="status">{flag() ? sayFlag(flag()!) : MISSING}</span>
          </dd>
        </div>
        <div>
          <dt>Lap</dt>
          <dd id="race-lap">{lap()}</dd>
        </div>
        <div class="origin">
          <dt>Data</dt>
          <dd id="origin">{session()?.origin ?? (session() ? sayKind(session()!.kind) : MISSING)}</dd>
        </div>
      </dl>
      <div class="choices">
        <Show when={page.races().length > 1}>
          <RaceChoice page={page} />
        </Show>
        <button type="button" id="devices-open" onClick={() => props.onDevices()}>
          Devices
        </button>
        <button
          type="button"
          id="units"
          aria-label={page.settings.units() === 'us' ? 'mph: US units; change them' : 'km/h: metric units; change them'}
          onClick={() => page.settings.setUnits(page.settings.units() === 'us' ? 'metric' : 'us')}
        >
          {page.settings.units() === 'us' ? 'mph' : 'km/h'}
        </button>
        <button type="button" id="details-open" onClick={() => props.onDetails()}>
          Details
        </button>
        <button type="button" id="help-open" aria-label="Keys and words" onClick={() => props.onHelp()}>
          ?
        </button>
      </div>
    </header>
  );
}

function RaceChoice(props: { page: Page }) {
  /** With the race of the address, also when this server does not list it. By value: an open list would close otherwise. */
  const choices = createMemo(
    () => {
      const known = props.page.races().map(({ race, name }) => ({ race, name: name ?? race }));
      const shown = props.page.shown.name();
      return shown === undefined || known.some(({ race }) => race === shown)
        ? known
        : [...known, { race: shown, name: shown }];
    },
    undefined,
    { equals: (a, b) => JSON.stringify(a) === JSON.stringify(b) },
  );
  return (
    <label>
      Race{' '}
      <select id="race-choice" onChange={(event) => props.page.openRace(event.currentTarget.value)}>
        <Show when={props.page.shown.name() === undefined}>
          <option value="">{MISSING}</option>
        </Show>
        <For each={choices()}>
          {({ race, name }) => (
            <option value={race} selected={race === props.page.shown.name()}>
              {name}
            </option>
          )}
        </For>
      </select>
    </label>
  );
}
