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

/** As wide as a letter is high on a usual screen, px: all of the page grows on large ones. */
const USUAL_PX = 16;
const COLORS = ['--text', '--quiet', '--card', '--on-car', '--car-1', '--car-2', '--car-3', '--car-4'];
const MARGIN_PX = 22;
const TRACK_PX = 7;

/**
 * The track and the cars, as large as the canvas has room for. North is up until all of the track is known; then it lies along, and an
 * arrow shows where north is. What changes with a tick is worked out once per tick, and what moves in between is drawn often.
 */
export class MapPicture {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #colorOf: (name: string) => string = () => '';
  #angle = 0;
  #isWhole = false;
  #width = 0;
  #height = 0;
  #put: ((place: Place) => Place) | undefined;
  #track = new Path2D();

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d')!;
  }

  /** Takes the room and the colors that there are. The browser works out its layout for that: not once per tick. */
  measure(): void {
    const canvas = this.#canvas;
    const style = getComputedStyle(canvas);
    const colors = new Map(COLORS.map((name) => [name, style.getPropertyValue(name)]));
    this.#colorOf = (name) => colors.get(name) ?? '';
    const unit = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / USUAL_PX;
    const scale = Math.min(3, window.devicePixelRatio || 1);
    const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    this.#context.setTransform(scale * unit, 0, 0, scale * unit, 0, 0);
    this.#width = canvas.clientWidth / unit;
    this.#height = canvas.clientHeight / unit;
  }

  /** Takes the track as it is known now. @param places Of the cars, which have to be on the picture while the track is not. */
  fit(lines: readonly (readonly Place[])[], isWhole: boolean, places: Iterable<Place>): void {
    this.#isWhole = isWhole;
    const all = lines.flat();
    this.#angle = isWhole ? axisOf(all) : 0;
    const shown = isWhole ? all : [...all, ...places];
    this.#put = frame(shown, this.#width, this.#height, this.#angle);
    this.#track = new Path2D();
    if (!this.#put) return;
    for (const line of lines)
      for (const [n, place] of line.entries()) {
        const { x, y } = this.#put(place);
        if (n === 0) this.#track.moveTo(x, y);
        else this.#track.lineTo(x, y);
      }
  }

  draw(markers: readonly Marker[], pointer: Place | undefined): void {
    const [context, put, colorOf] = [this.#context, this.#put, this.#colorOf];
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (!put) return;
    context.lineJoin = context.lineCap = 'round';
    context.strokeStyle = colorOf('--quiet');
    context.lineWidth = TRACK_PX + 2;
    context.stroke(this.#track);
    context.strokeStyle = colorOf('--card');
    context.lineWidth = TRACK_PX;
    context.stroke(this.#track);
    // Those that somebody chose lie on top.
    for (const marker of [...markers].sort((a, b) => rank(a) - rank(b)))
      drawMarker(context, put(marker.place), marker, colorOf);
    if (this.#isWhole) drawNorth(context, this.#width, this.#angle, colorOf);
    if (pointer) drawPointer(context, put(pointer), colorOf);
  }
}

const rank = ({ chosen, isFocus }: Marker): number => (isFocus ? 2 : chosen > 0 ? 1 : 0);

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
