import { For } from 'solid-js';
import { sayShare, sayTime } from './compare-words.ts';
import { type Measure, nameIn, type Pair } from './comparison.ts';
import { timeAt } from './laps.ts';

/** What is at one place of the laps. */
export interface FiguresProps {
  readonly pair: Pair;
  readonly measures: readonly Measure[];
  /** 0 to 1. */
  readonly share: number;
  onShare(share: number): void;
}

/** Figures at a place of the lap, which a slider chooses. */
export function Figures(props: FiguresProps) {
  const both = () => props.measures.filter(({ lines }) => lines.length === 2);
  const gain = () => props.measures.at(-1)!;
  return (
    <div class="compare-figures">
      <label class="compare-place">
        <span>
          Place in the lap <output class="figure">{sayShare(props.share)}</output>
        </span>
        <input
          type="range"
          min="0"
          max="100"
          step="0.5"
          value={String(props.share * 100)}
          aria-valuetext={`${sayShare(props.share)} of the lap, ${gain().difference(props.share)} s`}
          onInput={(event) => props.onShare(event.currentTarget.valueAsNumber / 100)}
        />
      </label>
      <table>
        <caption class="unseen">Both laps at this place</caption>
        <thead>
          <tr>
            <td />
            <For each={props.pair}>{(lap) => <th scope="col">{nameIn(props.pair, lap)}</th>}</For>
            <th scope="col">Difference</th>
          </tr>
        </thead>
        <tbody>
          <For each={both()}>
            {(measure) => (
              <tr>
                <th scope="row">
                  {measure.label} <span class="unit">{measure.unit}</span>
                </th>
                <For each={measure.at(props.share)}>{(value) => <td>{measure.say(value)}</td>}</For>
                <td>{measure.difference(props.share)}</td>
              </tr>
            )}
          </For>
          <tr>
            <th scope="row">
              Time from the line <span class="unit">s</span>
            </th>
            <For each={props.pair}>{({ lap }) => <td>{sayTime(timeAt(lap, props.share))}</td>}</For>
            <td class="compare-gain">{gain().difference(props.share)}</td>
          </tr>
        </tbody>
      </table>
    </div>
  );
}
