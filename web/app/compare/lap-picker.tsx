import { createMemo, For } from 'solid-js';
import { sayCar } from '../words.ts';
import { sayChoice } from './compare-words.ts';
import { findLap, type KnownLap, type LapChoice } from './lap-table.ts';

/** What a picker offers. */
export interface LapPickerProps {
  /** `first` or `second`: which line it is. */
  readonly place: 'first' | 'second';
  readonly cars: readonly string[];
  readonly nameOf: (car: string) => string;
  readonly car: string;
  readonly laps: readonly KnownLap[];
  readonly choice: LapChoice;
  /** The lap that is shown; it may have become too old to be offered otherwise. */
  readonly chosen: KnownLap | undefined;
  onCar(car: string): void;
  onLap(choice: LapChoice): void;
}

/** Chooses a car and one of its laps. */
export function LapPicker(props: LapPickerProps) {
  const known = createMemo(() => {
    const { laps, chosen } = props;
    const isOffered = chosen === undefined || laps.some(({ id }) => id === chosen.id);
    return new Map((isOffered ? laps : [chosen, ...laps]).map((lap) => [lap.id, lap]));
  });
  // By name, so that a list which is open stays open when more is known.
  const choices = createMemo(() => ['last', 'best', ...[...known().keys()].reverse()]);
  const say = (choice: LapChoice): string => {
    const lap = known().get(choice) ?? findLap(props.laps, choice);
    if (!lap) return choice === 'best' ? 'Best' : 'Last';
    if (choice === 'best') return `Best of ${props.laps.length}: ${sayChoice(lap)}`;
    return choice === 'last' ? `Last: ${sayChoice(lap)}` : sayChoice(lap);
  };
  return (
    <fieldset class={`compare-pick compare-${props.place}`}>
      <legend>
        <span class="compare-key" /> {props.place === 'first' ? 'First lap' : 'Second lap'}
      </legend>
      <label>
        Car{' '}
        <select class="compare-car" onChange={(event) => props.onCar(event.currentTarget.value)}>
          <For each={props.cars}>
            {(car) => (
              <option value={car} selected={car === props.car}>
                {[sayCar(car), props.nameOf(car)].filter(Boolean).join(' ')}
              </option>
            )}
          </For>
        </select>
      </label>
      <label>
        Lap{' '}
        <select class="compare-lap" onChange={(event) => props.onLap(event.currentTarget.value)}>
          <For each={choices()}>
            {(choice) => (
              <option value={choice} selected={choice === props.choice}>
                {say(choice)}
              </option>
            )}
          </For>
        </select>
      </label>
    </fieldset>
  );
}
