import type { ConnectionState, RaceDocument, Receipt, SessionStatus, Stale, Transport } from '../client/mod.ts';

/** Shown where a value is missing. */
export const MISSING = '–';

/** Digits after the point that a resolution is worth: 0.1 → 1, 0.025 → 3, 5 → 0. */
export function digitsOf(resolution: number): number {
  let digits = 0;
  while (digits < 6 && Math.abs(resolution * 10 ** digits - Math.round(resolution * 10 ** digits)) > 1e-9) digits++;
  return digits;
}

/** A reading with as many digits as it is worth. A minus sign is as wide as a plus, unlike a hyphen. */
export const sayValue = (value: number | null | undefined, resolution: number): string =>
  value === null || value === undefined ? MISSING : value.toFixed(digitsOf(resolution)).replace('-', '−');

/** `46.312`, or `1:07.201` from a minute on. */
export function sayLapTime(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || seconds <= 0) return MISSING;
  const thousandths = Math.round(seconds * 1000);
  const rest = ((thousandths % 60_000) / 1000).toFixed(3);
  const minutes = Math.floor(thousandths / 60_000);
  return minutes === 0 ? rest : `${minutes}:${rest.padStart(6, '0')}`;
}

export function sayBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export function sayAge(ms: number | undefined): string {
  if (ms === undefined) return MISSING;
  if (ms < 60_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}

export const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** The last repair, such as `Missed 14 ticks, repaired with 1 composite, 212 B.` */
export function sayReceipt({ kind, ticks, bytes, from, tookMs, reason }: Receipt): string {
  // Asked for by this page: nothing was missed.
  if (reason === 'resync') return `Asked for a fresh copy and got it, ${sayBytes(bytes)}, in ${tookMs} ms.`;
  if (from === undefined) return `Joined with a snapshot of ${sayBytes(bytes)}.`;
  if (kind !== 'snapshot' && ticks === 0) return 'Came back and had missed nothing.';
  const missed = ticks === 0 ? 'Could not go on from where it was' : `Missed ${count(ticks, 'tick')}`;
  const means = kind === 'deltas' ? count(ticks, 'delta') : `1 ${kind}`;
  return `${missed}, repaired with ${means}, ${sayBytes(bytes)}, in ${tookMs} ms.`;
}

/** What is known of data that does not come. */
export interface Silence {
  /** Nothing new has come for a while. */
  readonly isOld: boolean;
  readonly stale: Stale | undefined;
  readonly flag: RaceDocument['flag'] | undefined;
  /** What is shown is not the newest, because the fan wants it so. */
  readonly isPast?: boolean;
}

const NO_SILENCE: Silence = { isOld: false, stale: undefined, flag: undefined };

/** A time of day such as `12:03:20`, where the reader is. */
export function sayTimeOfDay(atMs: number): string {
  const at = new Date(atMs);
  // By hand: the first use of the browser's formats takes some hundredths of a second, on a phone tenths.
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** By which way data comes, where it is not the best one. */
const WAYS: Readonly<Record<Transport, string>> = {
  websocket: '',
  sse: ', over an event stream',
  poll: ', by asking again and again',
};

function saySilence({ isOld, stale, flag, isPast }: Silence, transport: Transport): string {
  if (stale) return `No data from the track since ${sayTimeOfDay(stale.sinceMs)}; it goes on here by itself.`;
  if (!isOld) return `${isPast ? 'Connected' : 'Live'}${WAYS[transport]}.`;
  return flag === 'checkered' ? 'The race is over.' : 'Connected, but no new data comes from the race.';
}

/** Where the connection is, as a sentence. */
export function sayConnection(
  { phase, reason, failures }: ConnectionState,
  silence = NO_SILENCE,
  transport: Transport = 'websocket',
): string {
  const because = reason === '' ? '' : ` (${reason})`;
  const again = failures > 1 ? `, try ${failures + 1}` : '';
  const words = {
    connecting: failures > 0 ? `Reconnecting${again}.` : 'Connecting.',
    joining: 'Connected, waiting for the first data.',
    live: saySilence(silence, transport),
    repairing: 'Live data did not fit; asked for a fresh copy.',
    probing: 'Checking whether the connection still stands.',
    leaving: 'Live; this server is going away, moving to another one shortly.',
    waiting: `Connection lost${because}; it will be tried again by itself.`,
    closed: `Not connected${because}. Reload the page to try again.`,
  };
  return words[phase];
}

/** `#24`, while ids that are no numbers stand as they are. */
export const sayCar = (car: string): string => (/^\d+$/.test(car) ? `#${car}` : car);

const FLAGS: Readonly<Record<RaceDocument['flag'], string>> = {
  none: 'No flag',
  green: 'Green',
  yellow: 'Caution',
  red: 'Red',
  white: 'Last lap',
  checkered: 'Finished',
};

export const sayFlag = (flag: RaceDocument['flag']): string => FLAGS[flag] ?? MISSING;

const KINDS: Readonly<Record<RaceDocument['session']['kind'], string>> = {
  live: 'Live',
  recording: 'Recording',
  simulation: 'Simulation',
};

export const sayKind = (kind: RaceDocument['session']['kind']): string => KINDS[kind] ?? MISSING;

/** `+1.204` seconds or `+2 laps` behind the leader. */
export function sayGap(standing: RaceDocument['standings'][string]): string {
  if (standing.lapsDown > 0) return `+${count(standing.lapsDown, 'lap')}`;
  if (standing.position === 1) return 'Leader';
  return standing.gapS === null ? MISSING : `+${standing.gapS.toFixed(3)}`;
}

const SESSIONS: Readonly<Record<SessionStatus, string>> = {
  new: 'Nothing is shared yet.',
  saved: 'Saved for all devices.',
  saving: 'Saving.',
  waiting: 'Not saved yet; it is tried again by itself.',
  unsaved: 'The server refuses to save this; what changes next is tried again.',
  deleted: 'This session was deleted.',
};

export const saySession = (status: SessionStatus): string => SESSIONS[status];

/** What to mind of the host in a link; empty when there is nothing. */
export const sayReach = (host: string): string =>
  host === 'localhost' || host === '[::1]' || host.startsWith('127.')
    ? 'This address works on this machine only: let others in (--host 0.0.0.0), and open the page by the name or address that the machine has in the network.'
    : '';

const OTHER_SESSION = {
  link: 'This page now follows your other device.',
  deleted: 'The shared session was deleted on another device; this page goes on by itself.',
  left: 'This page goes on by itself; your other devices keep the session.',
} as const;

/** Why this page uses another session than before. */
export const sayOtherSession = (why: keyof typeof OTHER_SESSION): string => OTHER_SESSION[why];

/** What became of a link to a moment. */
export const sayLink = (isCopied: boolean): string =>
  isCopied
    ? 'The link to this moment is copied; the address of this page is the same.'
    : 'The address of this page now leads to this moment: copy it from there.';

/** `#24 Larson`, or the number alone where nobody knows who drives. */
export const sayDriver = (car: string, driver: string | undefined): string =>
  [sayCar(car), driver].filter(Boolean).join(' ');

/** The last part of a name, for places that are narrow. */
export const saySurname = (driver: string | undefined): string => driver?.trim().split(/\s+/).at(-1) ?? '';

/** `+1.204 s`, or `+2 laps`; to a car ahead or behind. */
export function sayDistance({ gapS, laps }: { readonly gapS: number | null; readonly laps: number }): string {
  if (laps > 0) return count(laps, 'lap');
  return gapS === null ? MISSING : `${gapS.toFixed(3)} s`;
}
