import type { CarView } from '../client/mod.ts';
import { make, setText } from './dom.ts';
import { MISSING, sayValue } from './words.ts';

/** As the car stands, seen from above with its nose up. */
const CORNERS = [
  { id: 'lf', label: 'Left front' },
  { id: 'rf', label: 'Right front' },
  { id: 'lr', label: 'Left rear' },
  { id: 'rr', label: 'Right rear' },
] as const;
const STRIPS = ['l', 'm', 'r'] as const;
const COLD_C = 20;
const HOT_C = 140;

/** Tire temperatures, pressures and tread of one car. */
export class TirePanel {
  readonly root = make('div', { class: 'tires', role: 'group', 'aria-label': 'Tires', hidden: true });
  readonly #cells = new Map<string, HTMLElement>();

  constructor() {
    for (const { id, label } of CORNERS) {
      const strips = make('div', { class: 'strips' });
      for (const strip of STRIPS) strips.append(this.#cell(`tire_${id}_temp_${strip}`, 'figure strip'));
      const press = make('span', {}, this.#cell(`tire_${id}_press`, 'figure'), make('span', { class: 'unit' }, ' kPa'));
      const tread = make(
        'span',
        {},
        this.#cell(`tire_${id}_wear_m`, 'figure'),
        make('span', { class: 'unit' }, ' % tread'),
      );
      const details = make('p', { class: 'details' }, press, tread);
      const head = make('h3', {}, label, make('span', { class: 'unit' }, ' °C'));
      this.root.append(make('div', { class: 'tire' }, head, strips, details));
    }
  }

  #cell(key: string, style: string): HTMLElement {
    const cell = make('span', { class: style, 'data-figure': key }, MISSING);
    this.#cells.set(key, cell);
    return cell;
  }

  show(car: CarView | undefined): void {
    // Not every catalogue knows tires.
    this.root.hidden = car !== undefined && car.channel('tire_lf_temp_m') === undefined;
    for (const [key, cell] of this.#cells) {
      const value = car?.value(key) ?? null;
      setText(cell, sayValue(value, 1));
      if (!key.includes('_temp_')) continue;
      const heat = value === null ? 0 : Math.min(1, Math.max(0, (value - COLD_C) / (HOT_C - COLD_C)));
      cell.style.setProperty('--heat', heat.toFixed(2));
    }
  }
}
