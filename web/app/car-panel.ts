import type { CarView, RaceDocument } from '../client/mod.ts';
import { make, setText } from './dom.ts';
import { TirePanel } from './tire-panel.ts';
import { MISSING, sayCar, sayLapTime, sayValue } from './words.ts';

/** A figure of the car: where it comes from and how it reads. */
interface Dial {
  readonly key: string;
  readonly label: string;
  readonly unit: string;
  readonly say?: (value: number | null) => string;
  /** What the standings know of it, where the car itself does not tell. */
  readonly standing?: 'lap' | 'lastLapS' | 'bestLapS';
}

const sayGear = (gear: number | null): string =>
  gear === null ? MISSING : gear === 0 ? 'N' : gear < 0 ? 'R' : String(gear);

const DIALS: readonly Dial[] = [
  { key: 'speed', label: 'Speed', unit: 'km/h', say: (v) => sayValue(v, 1) },
  { key: 'rpm', label: 'Engine', unit: 'rpm' },
  { key: 'gear', label: 'Gear', unit: '', say: sayGear },
  { key: 'lap', label: 'Lap', unit: '', standing: 'lap' },
  { key: 'lap_time_last', label: 'Last lap', unit: '', say: sayLapTime, standing: 'lastLapS' },
  { key: 'lap_time_best', label: 'Best lap', unit: '', say: sayLapTime, standing: 'bestLapS' },
  { key: 'fuel_pct', label: 'Fuel', unit: '%', say: (v) => sayValue(v, 0.1) },
];

const PEDALS = [
  { key: 'throttle', label: 'Throttle' },
  { key: 'brake', label: 'Brake' },
] as const;

/** The chosen car: its figures, pedals and tires. */
export class CarPanel {
  readonly #name = make('h2', { id: 'car-name' }, 'No car chosen');
  readonly #team = make('p', { class: 'quiet team' });
  readonly #position = make('span', { class: 'figure', 'data-figure': 'position' }, MISSING);
  readonly #dials = new Map<string, { root: HTMLElement; figure: HTMLElement }>();
  readonly #pedals = new Map<string, { meter: HTMLElement; text: HTMLElement }>();
  readonly #tires = new TirePanel();

  constructor(root: HTMLElement) {
    const dials = make('dl', { class: 'dials' }, dialOf('Position', this.#position, ''));
    for (const { key, label, unit } of DIALS) {
      const figure = make('span', { class: 'figure', 'data-figure': key }, MISSING);
      const root = dialOf(label, figure, unit);
      this.#dials.set(key, { root, figure });
      dials.append(root);
    }
    const pedals = make('div', { class: 'pedals' });
    for (const { key, label } of PEDALS) {
      const text = make('span', { class: 'figure', 'data-figure': key }, MISSING);
      const bar = make('div', { class: 'bar' });
      const meter = make(
        'div',
        { class: `meter ${key}`, role: 'meter', 'aria-label': label, 'aria-valuemin': '0', 'aria-valuemax': '100' },
        bar,
      );
      this.#pedals.set(key, { meter, text });
      pedals.append(make('div', { class: 'pedal' }, make('span', { class: 'quiet' }, label), meter, text));
    }
    const driving = make('div', {}, dials, pedals);
    const who = make('div', { class: 'who' }, this.#name, this.#team);
    root.replaceChildren(who, make('div', { class: 'instruments' }, driving, this.#tires.root));
  }

  /** @param car `undefined` while nothing of it has come: every figure says so. */
  show(id: string | undefined, car: CarView | undefined, race: RaceDocument | undefined): void {
    const entry = id === undefined ? undefined : race?.roster[id];
    const standing = id === undefined ? undefined : race?.standings[id];
    const driver = entry?.driver ? ` ${entry.driver}` : '';
    setText(this.#name, id === undefined ? 'No car chosen' : sayCar(id) + driver);
    setText(this.#team, [entry?.team, entry?.make].filter(Boolean).join(' · ') || ' ');
    setText(this.#position, standing ? String(standing.position) : MISSING);
    for (const { key, say, standing: field } of DIALS) {
      const channel = car?.channel(key);
      const value = channel?.value ?? (field ? (standing?.[field] ?? null) : null);
      const text = say ? say(value) : sayValue(value, channel?.resolution ?? 1);
      const { root, figure } = this.#dials.get(key)!;
      // Not every catalogue knows every figure.
      root.hidden = car !== undefined && channel === undefined && value === null;
      setText(figure, text);
    }
    for (const { key } of PEDALS) this.#showPedal(key, car);
    this.#tires.show(car);
  }

  #showPedal(key: string, car: CarView | undefined): void {
    const { meter, text } = this.#pedals.get(key)!;
    const channel = car?.channel(key);
    const value = channel?.value ?? null;
    // Some recordings know only whether the brake was pressed: 0 or 1, without a unit.
    const percent = value === null ? 0 : channel!.unit === '%' ? value : value * 100;
    meter.setAttribute('aria-valuenow', String(Math.round(percent)));
    meter.setAttribute('aria-valuetext', value === null ? 'unknown' : `${Math.round(percent)} percent`);
    meter.style.setProperty('--share', String(Math.min(100, Math.max(0, percent)) / 100));
    setText(text, value === null ? MISSING : `${Math.round(percent)} %`);
  }
}

function dialOf(label: string, figure: HTMLElement, unit: string): HTMLElement {
  // The unit stands beside the label: behind the figure it would move with every digit.
  const term = make('dt', {}, label);
  if (unit !== '') term.append(' ', make('span', { class: 'unit' }, unit));
  return make('div', {}, term, make('dd', {}, figure));
}
