import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { MISSING, sayValue } from '../words.ts';
import './line-chart.css';

/** One line; the first is blue and solid, the second orange and dashed, then green and dotted, then purple and mixed. */
export interface ChartLine {
  readonly label: string;
  /** Unit symbol; empty for none. */
  readonly unit: string;
}

/** What {@link drawChart} takes. */
export interface ChartOptions {
  /** One to four. */
  readonly series: readonly ChartLine[];
  /** Of the x axis; empty for none. */
  readonly xLabel: string;
  readonly formatX: (x: number) => string;
  /** Ends of the x axis. */
  readonly xRange: readonly [number, number];
  /** Distances of marks on the x axis that may be used, ascending. */
  readonly xSteps: readonly number[];
  /** Of values in the legend; the axis has as many digits as its marks need. */
  readonly formatY: (y: number) => string;
  /** Ends of the y axis. @defaultValue as the values need */
  readonly yRange?: readonly [number, number];
  /** Whether the y axis has 0 in its middle, and a line there. @defaultValue false */
  readonly isAroundZero?: boolean;
  /** Of the plot with its axes, CSS pixels. */
  readonly height: number;
  /** What the lines say, in a sentence. */
  readonly summary: string;
  /** Where somebody points; `undefined` when they no longer do. */
  readonly onCursor?: (x: number | undefined) => void;
}

/** Values of a line, `null` where it has a hole. */
export type Column = readonly (number | null)[];

/** A chart in the page. */
export interface LineChart {
  /** @param x Ascending. @param columns One for each line, as long as `x`. */
  setData(x: readonly number[], columns: readonly Column[]): void;
  /** A line across the plot with a point on each line, whose values the legend says; without it these are the last ones. */
  setCursor(x: number | undefined): void;
  setSummary(summary: string): void;
  destroy(): void;
}

/** Lines that look alike to somebody differ by their dashes, in CSS pixels. */
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const NOTHING = { mousedown: () => null, mouseup: () => null, click: () => null, dblclick: () => null };
/** Where the cursor is, the caller says. */
const BIND = { ...NOTHING, mousemove: () => null, mouseenter: () => null, mouseleave: () => null };
const MIN_WIDTH = 120;

/**
 * Draws lines into an element, as wide as that is, in the colors of the page. Nothing moves by itself.
 *
 * It brings some 25 kB along: import it only when a chart is to be seen.
 */
export function drawChart(root: HTMLElement, options: ChartOptions): LineChart {
  const keys = options.series.map((_, n) => element('span', `line-chart-key tone-${n + 1}`));
  const figures = keys.map(() => element('span', 'figure'));
  const plotRoot = element('div', 'line-chart-plot');
  plotRoot.setAttribute('role', 'img');
  plotRoot.setAttribute('aria-label', options.summary);
  const whole = element('div', 'line-chart');
  whole.append(legendOf(options.series, keys, figures), plotRoot);
  root.replaceChildren(whole);

  const size = () => ({ width: Math.max(MIN_WIDTH, plotRoot.clientWidth), height: options.height });
  const settings = { ...size(), ...settingsOf(options, keys, plotRoot) };
  const plot = new uPlot(settings, [[], ...options.series.map(() => [])], plotRoot);
  const { over } = plot;
  const point = (event: PointerEvent) => options.onCursor?.(plot.posToVal(event.offsetX, 'x'));
  over.addEventListener('pointerdown', point);
  over.addEventListener('pointermove', point);
  over.addEventListener('pointerleave', () => options.onCursor?.(undefined));

  let cursorX: number | undefined;
  let isGone = false;
  const showCursor = () => {
    if (isGone) return;
    const left = cursorX === undefined ? -10 : Math.round(plot.valToPos(cursorX, 'x'));
    plot.setCursor({ left, top: cursorX === undefined ? -10 : 0 }, false);
    const [x, ...columns] = plot.data;
    const row = cursorX === undefined ? x.length - 1 : plot.valToIdx(cursorX);
    columns.forEach((column, n) => {
      const value = column[row] ?? null;
      figures[n]!.textContent = value === null ? MISSING : options.formatY(value);
    });
  };
  // Where a value is on the axis is known when what was set before is drawn, which happens at the end of this turn.
  const showCursorSoon = () => queueMicrotask(showCursor);
  const resize = () => {
    if (size().width === plot.width) return;
    plot.setSize(size());
    showCursorSoon();
  };
  const observer = new ResizeObserver(resize);
  observer.observe(plotRoot);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const recolor = () => plot.redraw(false, true);
  scheme.addEventListener('change', recolor);
  return {
    setData(x, columns) {
      // It reads them, and no more than that.
      plot.setData([x, ...columns] as uPlot.AlignedData);
      showCursorSoon();
    },
    setCursor(x) {
      cursorX = x;
      showCursorSoon();
    },
    setSummary: (summary) => plotRoot.setAttribute('aria-label', summary),
    destroy() {
      isGone = true;
      observer.disconnect();
      scheme.removeEventListener('change', recolor);
      plot.destroy();
      whole.remove();
    },
  };
}

function element(tag: 'div' | 'span' | 'ul' | 'li', name: string, text = ''): HTMLElement {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

function legendOf(
  series: readonly ChartLine[],
  keys: readonly HTMLElement[],
  figures: readonly HTMLElement[],
): HTMLElement {
  const legend = element('ul', 'line-chart-legend');
  series.forEach(({ label, unit }, n) => {
    const item = element('li', '');
    item.append(keys[n]!, element('span', '', label), figures[n]!, element('span', 'unit', unit));
    legend.append(item);
  });
  return legend;
}

type Settings = Omit<uPlot.Options, 'width' | 'height'>;

/** Colors are asked for at each drawing: what an element of the page has, whichever scheme it is in. */
function settingsOf(options: ChartOptions, keys: readonly HTMLElement[], plotRoot: HTMLElement): Settings {
  const style = getComputedStyle(plotRoot);
  const colorOf = (n: number) => getComputedStyle(keys[n]!).color;
  const quiet = () => style.color;
  const line = { stroke: () => style.borderTopColor, width: 1 };
  const axis = {
    stroke: quiet,
    grid: line,
    ticks: { ...line, size: 4 },
    font: `${style.fontSize} ${style.fontFamily}`,
  };
  const em = Number.parseFloat(style.fontSize);
  const { xLabel, xSteps, formatX, xRange } = options;
  const label = xLabel === '' ? {} : { label: xLabel, labelSize: em * 1.5, labelFont: axis.font, labelGap: 0 };
  return {
    cursor: {
      y: false,
      bind: BIND,
      drag: { x: false, y: false },
      points: { size: 8, width: 0, fill: (_, n) => colorOf(n - 1) },
    },
    legend: { show: false },
    scales: { x: { time: false, range: [...xRange] as [number, number] }, y: { range: rangeOf(options) } },
    axes: [
      {
        ...axis,
        ...label,
        size: em * 2,
        gap: 2,
        space: em * 4.5,
        incrs: [...xSteps],
        values: (_, at) => at.map(formatX),
      },
      {
        ...axis,
        size: em * 4,
        gap: 4,
        space: em * 2.2,
        values: (_, at, _axis, _space, step) => at.map((y) => sayValue(y, step)),
      },
    ],
    series: [
      {},
      ...keys.map((_, n) => ({ stroke: () => colorOf(n), width: 2, dash: DASHES[n]!, points: { show: false } })),
    ],
    hooks: options.isAroundZero ? { drawAxes: [(plot) => drawZero(plot, quiet())] } : {},
    padding: [em * 0.6, em * 2, 0, 0],
  };
}

/** Ends of the y axis: given, or with some room around what there is. */
function rangeOf({ yRange, isAroundZero }: ChartOptions): uPlot.Scale.Range {
  if (yRange) {
    // A line along an end is seen in all its width.
    const room = (yRange[1] - yRange[0]) * 0.04;
    return [yRange[0] - room, yRange[1] + room];
  }
  return (_, low, high) => {
    const [min, max] = low === null || high === null ? [0, 1] : [low, high];
    if (isAroundZero) {
      const most = Math.max(Math.abs(min), Math.abs(max), 0.05) * 1.1;
      return [-most, most];
    }
    return uPlot.rangeNum(min, max, 0.1, true);
  };
}

function drawZero({ ctx, bbox, valToPos }: uPlot, color: string): void {
  const y = Math.round(valToPos(0, 'y', true));
  ctx.save();
  ctx.strokeStyle = color;
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}
