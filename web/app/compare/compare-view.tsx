import { createEffect, createMemo, createSignal, For, type JSX, onCleanup, Show, untrack } from 'solid-js';
import type { Player } from '../../client/mod.ts';
import type { Units } from '../units.ts';
import { sayCar } from '../words.ts';
import './compare.css';
import { sayFaster, sayGained, sayLap } from './compare-words.ts';
import { type Measure, measuresOf, nameIn, type Pair, placesAt } from './comparison.ts';
import { Figures } from './figures.tsx';
import { type CarLaps, followLaps } from './lap-book.ts';
import { LapChart } from './lap-chart.tsx';
import { LapPicker } from './lap-picker.tsx';
import { findLap, type KnownLap, type LapChoice } from './lap-table.ts';

/** What the view shows. */
export interface CompareProps {
  readonly player: Player;
  /** One to four that are chosen. */
  readonly cars: readonly string[];
  /** Who drives a car; may be empty. */
  nameOf(car: string): string;
  readonly units: Units;
  /**
   * Where somebody points, for a map.
   * @param share Of the lap, 0 to 1; `undefined` when nothing is compared.
   * @param places Race time at which each car was there, Unix ms.
   */
  onCursor(share: number | undefined, places: { car: string; timeMs: number }[]): void;
}

interface Pick {
  readonly car: string;
  readonly lap: LapChoice;
}

const HEIGHTS: Readonly<Record<string, number>> = { Speed: 190 };
const HEIGHT = 130;
const NOTHING: CarLaps = { laps: [], problem: undefined, isReading: true };

/** Two laps over their distance: of two cars, or of one. */
export default function CompareView(props: CompareProps): JSX.Element {
  const [book, setBook] = createSignal<ReadonlyMap<string, CarLaps>>(new Map());
  const [picks, setPicks] = createSignal<Readonly<Record<'first' | 'second', Partial<Pick>>>>({
    first: {},
    second: {},
  });
  const [share, setShare] = createSignal(0.5);
  const cars = createMemo(() => [...props.cars], [], { equals: (a, b) => a.join() === b.join() });
  let readAgain: () => void = () => undefined;
  createEffect(() => {
    setBook(new Map());
    const followed = followLaps(props.player, cars(), (car, laps) => setBook((old) => new Map(old).set(car, laps)));
    readAgain = followed.readAgain;
    onCleanup(followed.stop);
  });

  const pickOf = (place: 'first' | 'second'): Pick => {
    const { car, lap } = picks()[place];
    const usual = (place === 'second' && cars()[1]) || cars()[0] || '';
    const isUsed = car !== undefined && cars().includes(car);
    // Of one car alone, its last lap is compared with its best.
    const usualLap = place === 'second' && cars().length === 1 ? 'best' : 'last';
    return { car: isUsed ? car : usual, lap: (isUsed || car === undefined ? lap : undefined) ?? usualLap };
  };
  const first = createMemo(() => pickOf('first'));
  const second = createMemo(() => pickOf('second'));
  const lapsOf = (car: string) => (book().get(car) ?? NOTHING).laps;
  const chosenBy = (pick: () => Pick) =>
    createMemo<KnownLap | undefined>((before) => {
      const found = findLap(lapsOf(pick().car), pick().lap);
      // A lap that somebody chose stays when it has become too old to be read.
      const isKept = before?.car === pick().car && before.id === pick().lap;
      return found ?? (isKept && before.lap.endMs <= (props.player.time ?? 0) ? before : undefined);
    });
  const chosen = { first: chosenBy(first), second: chosenBy(second) };
  const pair = createMemo<Pair | undefined>(() => {
    const [a, b] = [chosen.first(), chosen.second()];
    return a && b && [a, b];
  });
  const measures = createMemo<readonly Measure[]>(() => {
    const { catalogue } = props.player;
    const both = pair();
    return both && catalogue ? measuresOf(both, catalogue, props.units) : [];
  });
  createEffect(() => {
    const both = pair();
    const at = both && share();
    // What the listener looks at is its own business.
    untrack(() => props.onCursor(at, both ? placesAt(both, at!) : []));
  });
  onCleanup(() => props.onCursor(undefined, []));

  const picker = (place: 'first' | 'second', pick: () => Pick) => (
    <LapPicker
      place={place}
      cars={cars()}
      nameOf={(car) => props.nameOf(car)}
      car={pick().car}
      laps={lapsOf(pick().car)}
      choice={pick().lap}
      chosen={chosen[place]()}
      onCar={(car) => setPicks((old) => ({ ...old, [place]: { car } }))}
      onLap={(lap) => setPicks((old) => ({ ...old, [place]: { car: pick().car, lap } }))}
    />
  );
  return (
    <div class="compare">
      <div class="compare-picks">
        {picker('first', first)}
        {picker('second', second)}
      </div>
      <For each={cars()}>
        {(car) => <State car={car} laps={book().get(car) ?? NOTHING} onAgain={() => readAgain()} />}
      </For>
      <Show when={pair()}>
        {(both) => (
          <>
            <p class="compare-summary" role="status">
              {summaryOf(both())}
            </p>
            <div class="compare-whole">
              <div class="compare-charts">
                <For each={measures()}>
                  {(measure) => (
                    <LapChart
                      measure={measure}
                      summary={chartSummary(measure, both())}
                      height={HEIGHTS[measure.label] ?? HEIGHT}
                      share={share()}
                      onShare={setShare}
                    />
                  )}
                </For>
              </div>
              <Figures pair={both()} measures={measures()} share={share()} onShare={setShare} />
            </div>
          </>
        )}
      </Show>
    </div>
  );
}

function summaryOf([a, b]: Pair): string {
  if (a.car !== b.car || a.id !== b.id) return sayFaster(a, b);
  return `Both are ${sayLap(a)} of ${sayCar(a.car)}: choose another lap to compare it with.`;
}

function chartSummary(measure: Measure, pair: Pair): string {
  const [a, b] = pair.map((lap) => nameIn(pair, lap));
  if (measure.lines.length === 2) return `${measure.label} of ${a} and of ${b} over the lap.`;
  return `Time that ${a} gains on ${b} over the lap: ${sayGained(measure.at(1)[0] ?? null)} s at its end.`;
}

/** What is to be said of a car whose laps are not here. */
function State(props: { car: string; laps: CarLaps; onAgain: () => void }) {
  const words = () => {
    const { problem, isReading, laps } = props.laps;
    if (problem !== undefined) return `The laps of ${sayCar(props.car)} cannot be read: ${problem}`;
    if (laps.length > 0) return undefined;
    if (isReading) return `The laps of ${sayCar(props.car)} are being read.`;
    return `${sayCar(props.car)} has no full lap yet: it can be compared when it has gone from line to line.`;
  };
  return (
    <Show when={words()}>
      {(text) => (
        <p class="compare-state" role="status">
          {text()}{' '}
          <Show when={props.laps.problem !== undefined}>
            <button type="button" onClick={() => props.onAgain()}>
              Read them again
            </button>
          </Show>
        </p>
      )}
    </Show>
  );
}
