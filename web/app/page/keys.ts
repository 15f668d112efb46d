import { VIEWS, type ViewName } from './address.ts';

/** What keys can do. */
export interface KeyActs {
  togglePause(): void;
  /** By so many ms, back when below 0. */
  seekBy(ms: number): void;
  goLive(): void;
  /** The chosen driver of that place, from 0. */
  showDriver(place: number): void;
  showView(view: ViewName): void;
  openDrivers(): void;
  openHelp(): void;
}

interface Key {
  readonly keys: readonly string[];
  readonly shown: string;
  readonly does: string;
  readonly act: (acts: KeyActs, key: string) => void;
}

const STEP_MS = 10_000;

export const KEYS: readonly Key[] = [
  { keys: ['k', ' '], shown: 'Space, k', does: 'Pause, or go on', act: (acts) => acts.togglePause() },
  { keys: ['j', 'ArrowLeft'], shown: '←, j', does: '10 s back', act: (acts) => acts.seekBy(-STEP_MS) },
  { keys: ['ArrowRight'], shown: '→', does: '10 s on', act: (acts) => acts.seekBy(STEP_MS) },
  { keys: ['l'], shown: 'l', does: 'Back to live', act: (acts) => acts.goLive() },
  {
    keys: ['1', '2', '3', '4'],
    shown: '1 … 4',
    does: 'The first to the fourth of your drivers',
    act: (acts, key) => acts.showDriver(Number(key) - 1),
  },
  {
    keys: ['c', 'f', 'v', 'a'],
    shown: 'c, f, v, a',
    does: 'Car, field, compare (versus), all channels',
    act: (acts, key) => acts.showView(VIEWS['cfva'.indexOf(key)]!),
  },
  { keys: ['d'], shown: 'd', does: 'Choose drivers', act: (acts) => acts.openDrivers() },
  { keys: ['?'], shown: '?', does: 'This list', act: (acts) => acts.openHelp() },
];

/** Where a key was pressed. */
export interface Pressed {
  readonly key: string;
  /** With Ctrl, Alt or Meta: it is for the browser. */
  readonly isModified: boolean;
  /** The name of the element that has the focus, in small letters. */
  readonly on: string;
  /** A dialog is open. */
  readonly isInDialog: boolean;
}

const TYPED_INTO = new Set(['input', 'select', 'textarea']);
/** These do something with a space already. */
const PRESSED_BY_SPACE = new Set(['button', 'summary', 'a']);

/** What a key does; `undefined` when it is for what has the focus, or does nothing. */
export function keyFor({ key, isModified, on, isInDialog }: Pressed): Key['act'] | undefined {
  if (isModified || isInDialog || TYPED_INTO.has(on) || (key === ' ' && PRESSED_BY_SPACE.has(on))) return undefined;
  return KEYS.find(({ keys }) => keys.includes(key))?.act;
}

/** Listens to the keys of the page. */
export function listenToKeys(acts: KeyActs): void {
  document.addEventListener('keydown', (event) => {
    const on = (event.target as Element | null)?.tagName.toLowerCase() ?? '';
    const { key, ctrlKey, altKey, metaKey } = event;
    const isInDialog = document.querySelector('dialog[open]') !== null;
    const act = keyFor({ key, isModified: ctrlKey || altKey || metaKey, on, isInDialog });
    if (!act) return;
    event.preventDefault();
    act(acts, key);
  });
}
