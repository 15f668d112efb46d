import { createEffect, createMemo, onCleanup, onMount } from 'solid-js';
import { drawChart, type LineChart } from '../chart/line-chart.ts';
import { columnsOf, type Measure, PERCENTS } from './comparison.ts';

/** What is drawn. */
export interface LapChartProps {
  readonly measure: Measure;
  readonly summary: string;
  readonly height: number;
  /** 0 to 1. */
  readonly share: number;
  onShare(share: number): void;
}

const STEPS = [5, 10, 20, 25, 50];

/** Both laps in one measure, over the lap. */
export function LapChart(props: LapChartProps) {
  let root!: HTMLDivElement;
  const columns = createMemo(() => columnsOf(props.measure));
  onMount(() => {
    let chart: LineChart | undefined;
    createEffect(() => {
      const { lines, unit, range, isAroundZero, say } = props.measure;
      chart?.destroy();
      chart = drawChart(root, {
        series: lines.map((label) => ({ label, unit })),
        ...{ xLabel: '', formatX: (x) => `${x} %`, xRange: [0, 100], xSteps: STEPS },
        ...{ formatY: say, isAroundZero, height: props.height, summary: props.summary },
        ...(range ? { yRange: range } : {}),
        // When nobody points any more the place stays.
        onCursor: (x) => x !== undefined && props.onShare(Math.min(1, Math.max(0, x / 100))),
      });
      chart.setData(PERCENTS, columns());
    });
    createEffect(() => {
      // Also a new chart has the place.
      props.measure;
      chart?.setCursor(props.share * 100);
    });
    onCleanup(() => chart?.destroy());
  });
  return (
    <figure class="compare-chart">
      <figcaption>
        {props.measure.label} <span class="unit">{props.measure.unit}</span>
      </figcaption>
      <div ref={root} />
    </figure>
  );
}
