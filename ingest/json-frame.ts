import type { Catalogue } from '../protocol/catalogue.ts';
import { CAR_ID } from '../protocol/field.ts';
import { type FrameReader, FrameRefused, quote } from './frame-reader.ts';

const FIELDS = new Set(['car', 'at', 'values']);

/**
 * A reader of frames as JSON text: `{"car":"24","at":1700000000000.5,"values":{"speed":291.2,"gear":null}}`.
 *
 * A key that comes twice counts with its last value, as everywhere in JSON.
 */
export function createJsonReader(catalogue: Catalogue): FrameReader {
  const text = new TextDecoder('utf-8', { fatal: true });
  const indexByKey = new Map(Array.from(catalogue.packedOrder, (index) => [catalogue.channels[index]!.key, index]));
  return (bytes, frame, sink) => {
    let parsed: Record<string, unknown>;
    try {
      parsed = JSON.parse(text.decode(bytes));
    } catch {
      throw new FrameRefused('malformed', 'The frame begins like JSON but is not JSON in UTF-8.');
    }
    for (const field of Object.keys(parsed)) {
      if (!FIELDS.has(field)) throw new FrameRefused('malformed', `A frame has no field ${quote(field)}.`);
    }
    const { car, at, values } = parsed;
    if (car !== undefined && typeof car !== 'string')
      throw new FrameRefused('bad_car', `The car id must be a text that matches ${CAR_ID}.`);
    if (typeof values !== 'object' || values === null || Array.isArray(values)) {
      throw new FrameRefused('malformed', 'The values of a frame must be an object of channel key to number.');
    }
    frame.car = car ?? '';
    frame.atMs = typeof at === 'number' ? at : Number.NaN;
    let count = 0;
    // Half as costly as entries; what JSON.parse makes has no inherited keys.
    for (const key in values) {
      const index = indexByKey.get(key);
      if (index === undefined) {
        sink.refuse('unknown_channel', key.slice(0, 64));
        continue;
      }
      frame.channels[count] = index;
      frame.values[count++] = toNumber((values as Record<string, unknown>)[key], key);
    }
    frame.count = count;
  };
}

function toNumber(value: unknown, key: string): number {
  if (typeof value === 'number') return value;
  if (value === null) return Number.NaN;
  if (typeof value === 'boolean') return value ? 1 : 0;
  throw new FrameRefused('malformed', `The value of ${key} must be a number, a boolean or null.`);
}
