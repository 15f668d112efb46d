import { createEffect, createMemo, createSignal, For, onCleanup, Show, untrack } from 'solid-js';
import type { ChannelValue, Player } from '../../client/mod.ts';
import { type Shown, shownIn, type Units } from '../units.ts';
import { sayValue } from '../words.ts';
import './channel-chart.css';
import { sayAgo, sayChart, sayWithUnit } from './chart-words.ts';
import type { LineChart } from './line-chart.ts';
import { followChannels } from './recent-channels.ts';
import type { ChartRows } from './recent-rows.ts';

/** What is shown. */
export interface ChannelChartProps {
  readonly player: Player;
  readonly car: string;
  /** One to four, of the view in which the car is watched. */
  readonly channels: readonly ChannelValue[];
  readonly units: Units;
}

/** Channels that share an axis. */
interface Plot {
  readonly unit: string;
  readonly lines: readonly { readonly place: number; readonly label: string; readonly shown: Shown }[];
}

const MINUTES = [2, 10];
const STEPS_S = [10, 15, 30, 60, 120, 300];
const HEIGHT = 170;
const NONE: ChartRows = { x: [], columns: [] };

/** Channels of a car over the last minutes, live and past. */
export default function ChannelChart(props: ChannelChartProps) {
  const [minutes, setMinutes] = createSignal(MINUTES[0]!);
  const [rows, setRows] = createSignal(NONE, { equals: false });
  const [problem, setProblem] = createSignal<string>();
  const [cursor, setCursor] = createSignal<number>();
  let again: () => void = () => undefined;
  // A view of a car is another one at each tick; what is drawn of it changes rarely.
  const layout = createMemo(() => props.channels.map(({ key, unit }) => `${key} ${unit}`).join());
  const keys = createMemo(() => (layout() ? untrack(() => props.channels).map(({ key }) => key) : []), [], {
    equals: isSame,
  });
  const plots = createMemo(() =>
    layout()
      ? plotsOf(
          untrack(() => props.channels),
          props.units,
        )
      : [],
  );
  createEffect(() => {
    setRows(NONE);
    setProblem(undefined);
    if (keys().length === 0) return;
    const how = { car: props.car, keys: keys(), spanMs: minutes() * 60_000, onRows: setRows, onProblem: setProblem };
    const { read, stop } = followChannels(props.player, how);
    again = read;
    onCleanup(stop);
  });
  return (
    <div class="channel-chart">
      <fieldset class="channel-chart-span">
        <legend class="unseen">Time that the chart shows</legend>
        <For each={MINUTES}>
          {(choice) => (
            <button type="button" aria-pressed={minutes() === choice} onClick={() => setMinutes(choice)}>
              {choice} min
            </button>
          )}
        </For>
      </fieldset>
      <For each={plots()}>
        {(plot) => (
          <PlotView
            plot={plot}
            car={props.car}
            minutes={minutes()}
            rows={rows()}
            cursor={cursor()}
            onCursor={setCursor}
          />
        )}
      </For>
      <Show when={problem()}>
        {(words) => (
          <p class="channel-chart-problem" role="status">
            {words()}{' '}
            <button type="button" onClick={() => again()}>
              Read it again
            </button>
          </p>
        )}
      </Show>
    </div>
  );
}

const isSame = (a: readonly string[], b: readonly string[]): boolean => a.join() === b.join();

function plotsOf(channels: readonly ChannelValue[], units: Units): Plot[] {
  const lines = channels.map(({ label, unit, resolution }, place) => {
    const shown = shownIn(units, unit, resolution);
    return { place, label, shown };
  });
  const plots = Map.groupBy(lines, ({ shown }) => shown.unit);
  return [...plots].map(([unit, lines]) => ({ unit, lines }));
}

interface PlotViewProps {
  readonly plot: Plot;
  readonly car: string;
  readonly minutes: number;
  readonly rows: ChartRows;
  readonly cursor: number | undefined;
  readonly onCursor: (x: number | undefined) => void;
}

function PlotView(props: PlotViewProps) {
  const [chart, setChart] = createSignal<LineChart>();
  let root!: HTMLDivElement;
  const finest = () => Math.min(...props.plot.lines.map(({ shown }) => shown.resolution));
  const columns = createMemo(() =>
    props.plot.lines.map(({ place, shown }) =>
      (props.rows.columns[place] ?? []).map((value) => (value === null ? null : shown.convert(value))),
    ),
  );
  const summary = () => {
    const { lines, unit } = props.plot;
    const values = lines.map(({ shown }, n) => sayWithUnit(sayValue(columns()[n]!.at(-1), shown.resolution), unit));
    return sayChart(
      props.car,
      lines.map(({ label }) => label),
      props.minutes,
      values,
    );
  };
  createEffect(() => {
    const { lines, unit } = props.plot;
    const resolution = untrack(finest);
    const fromS = -60 * props.minutes;
    let isGone = false;
    let drawn: LineChart | undefined;
    void import('./line-chart.ts').then(({ drawChart }) => {
      if (isGone) return;
      drawn = drawChart(root, {
        series: lines.map(({ label }) => ({ label, unit })),
        ...{ xLabel: '', formatX: sayAgo, xRange: [fromS, 0], xSteps: STEPS_S },
        ...{ formatY: (y) => sayValue(y, resolution), height: HEIGHT, summary: untrack(summary) },
        onCursor: (x) => props.onCursor(x),
      });
      setChart(drawn);
    });
    onCleanup(() => {
      isGone = true;
      drawn?.destroy();
      setChart(undefined);
    });
  });
  createEffect(() => {
    if (columns().every(({ length }) => length === props.rows.x.length)) chart()?.setData(props.rows.x, columns());
    chart()?.setSummary(summary());
  });
  createEffect(() => chart()?.setCursor(props.cursor));
  return <div ref={root} class="channel-chart-plot" />;
}
