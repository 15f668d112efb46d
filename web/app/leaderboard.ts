import type { RaceDocument, Standing } from '../client/mod.ts';
import { make, setText } from './dom.ts';
import { MISSING, sayGap, sayLapTime } from './words.ts';

const HEADS = ['Pos', 'Car', 'Driver', 'Gap', 'Last', 'Stops'] as const;
const STATUS: Readonly<Record<Standing['status'], string>> = { running: '', pit: 'in the pits', silent: 'no data' };

interface Row {
  readonly root: HTMLTableRowElement;
  readonly cells: readonly HTMLElement[];
  readonly button: HTMLButtonElement;
}

/** The order of the race; each car is a button that chooses it. */
export class Leaderboard {
  readonly #body = make('tbody');
  readonly #rows = new Map<string, Row>();
  readonly #empty = make('p', { class: 'quiet' }, 'The order of the race is not known yet.');
  readonly #onChoose: (car: string) => void;

  constructor(root: HTMLElement, onChoose: (car: string) => void) {
    this.#onChoose = onChoose;
    const heads = HEADS.map((head) => make('th', { scope: 'col' }, head));
    const table = make('table', {}, make('thead', {}, make('tr', {}, ...heads)), this.#body);
    const scroll = make(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Standings table' },
      table,
    );
    root.replaceChildren(make('h2', { id: 'standings-name' }, 'Standings'), this.#empty, scroll);
  }

  show(race: RaceDocument | undefined, chosen: string | undefined): void {
    const order = Object.entries(race?.standings ?? {}).sort(([, a], [, b]) => a.position - b.position);
    this.#empty.hidden = order.length > 0;
    const gone = new Set(this.#rows.keys());
    order.forEach(([car, standing], index) => {
      gone.delete(car);
      const row = this.#rowOf(car);
      const driver = race!.roster[car]?.driver ?? MISSING;
      const status = STATUS[standing.status] ?? '';
      const texts = [driver + (status && ` (${status})`), sayGap(standing), sayLapTime(standing.lastLapS)];
      setText(row.cells[0]!, String(standing.position));
      texts.forEach((text, column) => {
        setText(row.cells[column + 2]!, text);
      });
      setText(row.cells[5]!, String(standing.stops));
      row.button.setAttribute('aria-pressed', String(car === chosen));
      row.root.classList.toggle('chosen', car === chosen);
      // Moving a row that is in its place already would take the focus from its button.
      if (this.#body.children[index] !== row.root)
        this.#body.insertBefore(row.root, this.#body.children[index] ?? null);
    });
    for (const car of gone) {
      this.#rows.get(car)!.root.remove();
      this.#rows.delete(car);
    }
  }

  #rowOf(car: string): Row {
    const known = this.#rows.get(car);
    if (known) return known;
    const button = make('button', { type: 'button', 'data-car': car }, car);
    button.addEventListener('click', () => this.#onChoose(car));
    const cells = HEADS.map(() => make('td'));
    cells[1]!.append(button);
    const row = { root: make('tr', {}, ...cells), cells, button };
    this.#rows.set(car, row);
    return row;
  }
}
