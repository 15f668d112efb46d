import { type Clock, createFrame, type Source } from '../ingest/source.ts';
import { type Catalogue, parseCatalogue } from '../protocol/catalogue.ts';

/** A small catalogue with what standings are made from, and one channel for each aggregate. */
export const TEST_CATALOGUE: Catalogue = parseCatalogue({
  name: 'test',
  channels: [
    channel('lap', { resolution: 1, max: 10_000 }),
    channel('lap_dist_pct', { resolution: 0.01, max: 100 }),
    channel('lap_time', { resolution: 0.01, max: 3600 }),
    channel('lap_time_last', { resolution: 0.001, max: 3600 }),
    channel('on_pit_road', { resolution: 1, max: 1 }),
    channel('speed', { resolution: 0.1, max: 500, coding: { busy: true, k: 3 } }),
    channel('speed_mean', { resolution: 0.1, max: 500, aggregate: 'mean', of: 'speed' }),
    channel('accel', { resolution: 0.01, min: -100, max: 100, aggregate: 'peak' }),
  ],
  views: { essentials: ['lap', 'speed'] },
});

function channel(key: string, more: object): object {
  return {
    key,
    label: key,
    unit: '',
    resolution: 1,
    min: 0,
    max: 1000,
    aggregate: 'last',
    group: 'test',
    staleAfterMs: 5000,
    ...more,
  };
}

/** Cars that lap in 10 to 14 s and pit in every fifth lap; every value follows from car and time alone. */
export function createSyntheticSource(
  clock: Clock,
  options: { cars?: number; everyMs?: number; catalogue?: Catalogue } = {},
): Source {
  const { cars = 5, everyMs = 50, catalogue = TEST_CATALOGUE } = options;
  let cancel: (() => void) | undefined;
  return {
    name: 'synthetic',
    kind: 'simulation',
    async start(sink) {
      const frame = createFrame(catalogue);
      const keys = ['lap', 'lap_dist_pct', 'lap_time', 'lap_time_last', 'on_pit_road', 'speed', 'accel'];
      const indices = keys.map((key) => catalogue.indexOf(key)!);
      sink.facts({ kind: 'simulation', roster: Array.from({ length: cars }, (_, i) => ({ car: String(i) })) });
      const send = (atMs: number) => {
        for (let i = 0; i < cars; i++) {
          const lapMs = 10_000 + 1000 * i;
          const lapAtMs = atMs % lapMs;
          const lap = Math.floor(atMs / lapMs) % 1000;
          const speed = 200 + 50 * Math.sin(atMs / 700 + i);
          frame.values.set([
            lap,
            (lapAtMs / lapMs) * 100,
            lapAtMs / 1000,
            lapMs / 1000,
            lap % 5 === 4 && lapAtMs < 3000 ? 1 : 0,
            speed,
            40 * Math.cos(atMs / 900 + i),
          ]);
          frame.channels.set(indices);
          frame.count = keys.length;
          frame.car = String(i);
          frame.atMs = atMs;
          sink.frame(frame);
        }
        arm(atMs + everyMs);
      };
      const arm = (atMs: number) => {
        const now = clock.nowMs();
        // After a stall there is no past to make up for.
        const next = atMs > now ? atMs : now + everyMs;
        cancel = clock.callAt(next, () => send(next));
      };
      arm(Math.ceil(clock.nowMs() / everyMs) * everyMs);
    },
    async stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}
