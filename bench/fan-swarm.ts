import { build } from 'hdr-histogram-js';
import { connect } from '../web/client/mod.ts';
import { LightSocket } from './light-socket.ts';

// Runs many SDK fans in one process. Arguments: url, race, fans, cars per fan, view. Says `ready` when every fan is
// live, measures from the first message of the parent to the second, and answers it with what it saw.
const [url, race, fans, carsPerFan, view] = process.argv.slice(2) as [string, string, string, string, string];
const IN_FLIGHT = 100;
const JOIN_WITHIN_MS = 30_000;

const races = (await (await fetch(`${url}/races/${race}`)).json()) as { cars: string[] };
const { cars } = races;
const histogram = build({
  lowestDiscernibleValue: 1,
  highestTrackableValue: 60_000_000,
  numberOfSignificantValueDigits: 3,
});
let isMeasuring = false;
let ticks = 0;
let gaps = 0;
let changes = 0;

function join(fan: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const watch = Array.from({ length: Number(carsPerFan) }, (_, n) => ({
      car: cars[(fan + n * 11) % cars.length]!,
      view,
    }));
    const client = connect({
      url,
      race,
      watch,
      document: false,
      WebSocket: LightSocket as unknown as typeof WebSocket,
    });
    const timer = setTimeout(
      () => reject(new Error(`fan ${fan} was not live within ${JOIN_WITHIN_MS} ms`)),
      JOIN_WITHIN_MS,
    );
    let last = -1;
    client.on('tick', (tick) => {
      const nowMs = performance.timeOrigin + performance.now();
      if (last < 0) {
        clearTimeout(timer);
        resolve();
      } else if (tick.tick !== last + 1) {
        gaps++;
      }
      last = tick.tick;
      if (!isMeasuring || tick.snapshot) return;
      ticks++;
      changes += tick.changes.length;
      histogram.recordValue(Math.max(1, Math.round((nowMs - tick.closeAtMs) * 1000)));
    });
  });
}

for (let fan = 0; fan < Number(fans); fan += IN_FLIGHT) {
  const many = Math.min(IN_FLIGHT, Number(fans) - fan);
  await Promise.all(Array.from({ length: many }, (_, n) => join(fan + n)));
}
process.on('message', () => {
  if (!isMeasuring) {
    isMeasuring = true;
    return;
  }
  const ms = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
  const cpu = process.cpuUsage();
  process.send!({
    ticks,
    gaps,
    changes,
    p50_ms: ms(50),
    p99_ms: ms(99),
    p999_ms: ms(99.9),
    max_ms: histogram.maxValue / 1000,
    cpu_s: (cpu.user + cpu.system) / 1e6,
  });
  setTimeout(() => process.exit(0), 100);
});
process.send!('ready');
