import { axisOf, turn } from './orientation.ts';
import type { Place } from './track-outline.ts';

/** A car on the map. */
export interface Marker {
  readonly car: string;
  readonly place: Place;
  /** 1 for the first of the chosen drivers, 0 for a car that nobody chose. */
  readonly chosen: number;
  readonly isFocus: boolean;
}

const MARGIN_PX = 22;
const TRACK_PX = 7;

/**
 * Draws the track and the cars as large as the canvas has room for. North is up until all of the track is known; then it lies along,
 * and an arrow shows where north is.
 */
export function drawMap(
  canvas: HTMLCanvasElement,
  lines: readonly (readonly Place[])[],
  markers: readonly Marker[],
  pointer: Place | undefined,
  isWhole: boolean,
): void {
  const context = canvas.getContext('2d');
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!context || width === 0 || height === 0) return;
  const scale = Math.min(3, window.devicePixelRatio || 1);
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const colorOf = paintOf(canvas);
  const angle = isWhole ? axisOf(lines.flat()) : 0;
  const put = frame([...lines.flat(), ...markers.map(({ place }) => place)], width, height, angle);
  if (!put) return;
  context.lineJoin = context.lineCap = 'round';
  for (const [color, wide] of [
    [colorOf('--quiet'), TRACK_PX + 2],
    [colorOf('--card'), TRACK_PX],
  ] as const) {
    context.strokeStyle = color;
    context.lineWidth = wide;
    for (const line of lines) stroke(context, line.map(put));
  }
  // Those that somebody chose lie on top.
  for (const marker of [...markers].sort((a, b) => rank(a) - rank(b)))
    drawMarker(context, put(marker.place), marker, colorOf);
  if (isWhole) drawNorth(context, width, angle, colorOf);
  if (pointer) drawPointer(context, put(pointer), colorOf);
}

const rank = ({ chosen, isFocus }: Marker): number => (isFocus ? 2 : chosen > 0 ? 1 : 0);

/** Colors of the page, which follow light and dark. */
function paintOf(canvas: HTMLCanvasElement): (name: string) => string {
  const style = getComputedStyle(canvas);
  return (name) => style.getPropertyValue(name);
}

/** From metres to pixels; `undefined` where nothing is known, or all of it is in one place. */
function frame(
  places: readonly Place[],
  width: number,
  height: number,
  angle: number,
): ((place: Place) => Place) | undefined {
  if (places.length < 2) return undefined;
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { x, y } of places.map((place) => turn(place, angle))) {
    [left, right, low, high] = [Math.min(left, x), Math.max(right, x), Math.min(low, y), Math.max(high, y)];
  }
  const [room, rise] = [width - 2 * MARGIN_PX, height - 2 * MARGIN_PX];
  const perM = Math.min(room / (right - left), rise / (high - low));
  if (!(perM > 0) || !Number.isFinite(perM)) return undefined;
  return (place) => {
    const { x, y } = turn(place, angle);
    return { x: width / 2 + (x - (left + right) / 2) * perM, y: height / 2 - (y - (low + high) / 2) * perM };
  };
}

function stroke(context: CanvasRenderingContext2D, line: readonly Place[]): void {
  context.beginPath();
  for (const { x, y } of line) context.lineTo(x, y);
  context.stroke();
}

function drawMarker(
  context: CanvasRenderingContext2D,
  { x, y }: Place,
  { car, chosen, isFocus }: Marker,
  colorOf: (name: string) => string,
): void {
  const radius = isFocus ? 13 : chosen > 0 ? 11 : 6;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = chosen > 0 ? colorOf(`--car-${chosen}`) : colorOf('--text');
  context.fill();
  context.lineWidth = isFocus ? 3 : 1.5;
  context.strokeStyle = isFocus ? colorOf('--text') : colorOf('--card');
  context.stroke();
  if (chosen === 0) return;
  context.fillStyle = colorOf('--on-car');
  context.font = '700 11px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(car, x, y + 0.5, 2 * radius - 3);
}

function drawPointer(context: CanvasRenderingContext2D, { x, y }: Place, colorOf: (name: string) => string): void {
  context.beginPath();
  context.arc(x, y, 9, 0, 2 * Math.PI);
  context.moveTo(x - 14, y);
  context.lineTo(x + 14, y);
  context.moveTo(x, y - 14);
  context.lineTo(x, y + 14);
  context.lineWidth = 2.5;
  context.strokeStyle = colorOf('--text');
  context.stroke();
}

function drawNorth(
  context: CanvasRenderingContext2D,
  width: number,
  angle: number,
  colorOf: (name: string) => string,
): void {
  const { x, y } = turn({ x: 0, y: 1 }, angle);
  const [centerX, centerY] = [width - 16, 16];
  context.strokeStyle = context.fillStyle = colorOf('--quiet');
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(centerX - 8 * x, centerY + 8 * y);
  context.lineTo(centerX, centerY);
  context.stroke();
  context.font = '600 10px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText('N', centerX + 8 * x, centerY - 8 * y);
}
