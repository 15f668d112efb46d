import type { CarView } from '../../client/mod.ts';
import type { Place } from './track-outline.ts';

/** Mean radius of the earth in metres (IUGG). */
const EARTH_M = 6_371_008.8;

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/**
 * Where cars are, in metres around the first one that was asked for. Latitude and longitude are laid flat (equirectangular, by the
 * scale of that latitude), which is right to a centimetre on a race track; some recordings give metres as they are.
 */
export class Projection {
  #origin: { lat: number; lon: number } | undefined;

  /** `undefined` while the car does not say where it is. */
  placeOf(car: Pick<CarView, 'value'>): Place | undefined {
    const [x, y] = [car.value('x'), car.value('y')];
    if (x !== null && y !== null) return { x, y };
    return this.place(car.value('lat'), car.value('lon'));
  }

  /** @param lat,lon In degrees. */
  place(lat: number | null, lon: number | null): Place | undefined {
    // Nobody races where both are 0: a receiver without a fix says so.
    if (lat === null || lon === null || (lat === 0 && lon === 0)) return undefined;
    this.#origin ??= { lat, lon };
    const { lat: lat0, lon: lon0 } = this.#origin;
    return { x: radians(lon - lon0) * Math.cos(radians(lat0)) * EARTH_M, y: radians(lat - lat0) * EARTH_M };
  }
}
