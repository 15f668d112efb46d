import type { Axis } from './axis.ts';
import { escapeHtml } from './html.ts';

/** One line of a chart: its points in order of x. A value that is no number is a gap. */
export interface Series {
  readonly name: string;
  /** Which of the six colours; the same thing has the same one in all charts of a page. */
  readonly colour: number;
  readonly points: readonly { readonly x: number; readonly y: number | undefined; readonly label: string }[];
}

/** Text of all charts stands in these units: the page shows about one pixel for each on a phone, 1.4 on a laptop. */
const WIDTH = 400;
const HEIGHT = 250;
const PLOT = { left: 48, right: 20, top: 12, bottom: 40 } as const;
const COLOURS = 6;

const one = (value: number) => value.toFixed(1);
const colourOf = (index: number) => `c${(index % COLOURS) + 1}`;

/** Path through the points; it ends at each gap and begins anew behind it. */
export function linePath(points: readonly { x: number; y: number | undefined }[]): string {
  let isDrawing = false;
  const steps = points.map(({ x, y }) => {
    const isPoint = y !== undefined && Number.isFinite(x) && Number.isFinite(y);
    const step = isPoint ? `${isDrawing ? 'L' : 'M'}${one(x)} ${one(y)}` : '';
    isDrawing = isPoint;
    return step;
  });
  return steps.filter(Boolean).join('');
}

function figure(title: string, legend: string, svg: string, height: number): string {
  const name = escapeHtml(title);
  return `<figure><figcaption>${name}</figcaption>${legend}<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${name}">${svg}</svg></figure>`;
}

function legendOf(series: readonly Series[]): string {
  if (series.length < 2) return '';
  const items = series.map(({ name, colour }) => `<li class="${colourOf(colour)}">${escapeHtml(name)}</li>`);
  return `<ul class="legend">${items.join('')}</ul>`;
}

/** A chart of lines; both axes say what they measure. */
export function lineChart(chart: {
  readonly title: string;
  readonly x: { readonly axis: Axis; readonly name: string };
  readonly y: { readonly axis: Axis; readonly name: string };
  readonly series: readonly Series[];
}): string {
  const { x, y, series } = chart;
  const right = WIDTH - PLOT.right;
  const bottom = HEIGHT - PLOT.bottom;
  const placeX = (value: number) => PLOT.left + x.axis.place(value) * (right - PLOT.left);
  const placeY = (value: number) => bottom - y.axis.place(value) * (bottom - PLOT.top);
  const rows = y.axis.ticks.map(({ value, label }) => {
    const at = one(placeY(value));
    return `<path class="grid" d="M${PLOT.left} ${at}H${right}"/><text x="${PLOT.left - 5}" y="${at}" dy="0.33em" text-anchor="end">${label}</text>`;
  });
  const columns = x.axis.ticks.map(({ value, label }) => {
    const at = one(placeX(value));
    return `<path class="tick" d="M${at} ${bottom}v4"/><text x="${at}" y="${bottom + 15}" text-anchor="middle">${label}</text>`;
  });
  const lines = series.map(({ name, colour, points }) => {
    const placed = points.map((point) => ({
      ...point,
      x: placeX(point.x),
      y: point.y === undefined ? undefined : placeY(point.y),
    }));
    const dots = placed
      .filter((point) => linePath([point]) !== '')
      .map(
        (point) =>
          `<circle cx="${one(point.x)}" cy="${one(point.y!)}" r="3"><title>${escapeHtml(`${name}: ${point.label}`)}</title></circle>`,
      );
    return `<g class="${colourOf(colour)}"><path class="line" d="${linePath(placed)}"/>${dots.join('')}</g>`;
  });
  const names = `<text class="name" x="${right}" y="${HEIGHT - 7}" text-anchor="end">${escapeHtml(x.name)}</text>`;
  const svg = `${rows.join('')}${columns.join('')}${lines.join('')}${names}`;
  return figure(`${chart.title}, ${y.name}`, legendOf(series), svg, HEIGHT);
}

const BAR = { row: 40, height: 14, end: 60 } as const;

/** Bars from the left, one below the other, each under its name; without a value, its note stands there. */
export function barChart(
  title: string,
  bars: readonly { readonly name: string; readonly value: number | undefined; readonly note: string }[],
): string {
  const max = Math.max(...bars.map(({ value }) => value ?? 0), Number.MIN_VALUE);
  const parts = bars.map(({ name, value, note }, n) => {
    const top = n * BAR.row + 20;
    const width = ((value ?? 0) / max) * (WIDTH - BAR.end);
    const bar =
      value === undefined ? '' : `<rect class="bar" y="${top}" width="${one(width)}" height="${BAR.height}"/>`;
    const text = `<text class="value" x="${one(width + (value === undefined ? 0 : 6))}" y="${top + BAR.height / 2}" dy="0.33em">${escapeHtml(note)}</text>`;
    return `<g class="${colourOf(n)}"><text class="name" y="${top - 6}">${escapeHtml(name)}</text>${bar}${text}</g>`;
  });
  return figure(title, '', parts.join(''), bars.length * BAR.row + 4);
}
