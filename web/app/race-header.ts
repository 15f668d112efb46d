import type { RaceDocument } from '../client/mod.ts';
import { byId, make, setText } from './dom.ts';
import { MISSING, sayFlag, sayKind } from './words.ts';

/** Name, nature, flag and lap of the race. */
export function showRaceHeader(name: string | undefined, race: RaceDocument | undefined): void {
  setText(byId('race-name'), race?.session.name ?? name ?? 'Race telemetry');
  setText(byId('track'), race?.session.track ?? '');
  const kind = byId('kind');
  kind.hidden = race === undefined;
  kind.dataset.kind = race?.session.kind ?? '';
  setText(kind, race ? sayKind(race.session.kind) : '');
  const flag = byId('flag');
  flag.dataset.flag = race?.flag ?? '';
  setText(flag, race ? sayFlag(race.flag) : MISSING);
  const total = race?.session.lapsTotal;
  setText(byId('race-lap'), `${race?.lap ?? MISSING}${total ? ` of ${total}` : ''}`);
  setText(byId('origin'), race?.session.origin ?? (race ? sayKind(race.session.kind) : MISSING));
}

/** Fills a select, and leaves it alone when it is filled like this already: an open list would close. */
export function fillChoices(select: HTMLSelectElement, choices: ReadonlyMap<string, string>, chosen: string): void {
  const all = choices.has(chosen) ? choices : new Map([...choices, [chosen, chosen === '' ? MISSING : chosen]]);
  const isSame =
    select.options.length === all.size &&
    [...all].every(([value, text], i) => select.options[i]!.value === value && select.options[i]!.text === text);
  if (!isSame) select.replaceChildren(...[...all].map(([value, text]) => make('option', { value }, text)));
  if (select.value !== chosen) select.value = chosen;
}
