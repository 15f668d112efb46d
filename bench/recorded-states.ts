import { VirtualClock } from '../ingest/clock.ts';
import { Downsampler } from '../ingest/downsampler.ts';
import { TICK_MS } from '../ingest/ingest.ts';
import type { Clock, Source } from '../ingest/source.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import type { Field } from '../protocol/field.ts';

/** Any whole multiple of a tick: the runs are the same each time. */
const START_MS = 1_700_000_000_000;

/** Fields that ingest would publish of a source, tick by tick, as fast as the machine can make them. */
export async function collectFields(
  catalogue: Catalogue,
  createSource: (clock: Clock) => Source,
  ticks: number,
): Promise<Field[]> {
  const clock = new VirtualClock(START_MS);
  const downsampler = new Downsampler({ catalogue, tickMs: TICK_MS });
  const source = createSource(clock);
  await source.start({ frame: (frame) => downsampler.add(frame, clock.nowMs()), facts: () => {}, refuse: () => {} });
  const fields: Field[] = [];
  for (let n = 1; n <= ticks; n++) {
    clock.advanceTo(START_MS + n * TICK_MS);
    fields.push(downsampler.close(clock.nowMs()));
  }
  await source.stop();
  return fields;
}

/** The states of each car in a row, without the ticks in which it was away. */
export function statesByCar(fields: readonly Field[]): Int32Array[][] {
  const cars: Int32Array[][] = [];
  for (const field of fields) {
    field.states.forEach((state, slot) => {
      if (!state) return;
      cars[slot] ??= [];
      cars[slot].push(state);
    });
  }
  return cars.filter((states) => states !== undefined);
}
