import { formatQuery } from '../protocol/control.ts';
import { PROTOCOL_VERSION } from '../protocol/tick-message.ts';
import { connect } from '../web/client/mod.ts';
import { raceOf } from './crowd/measured-span.ts';
import { latencyHistogram } from './crowd/tally.ts';
import { LightSocket } from './light-socket.ts';
import { LoadFan } from './load-fan.ts';

// Runs many fans in one process: probes are whole SDK fans and measure, the others are load. They take turns, so that
// probes stand everywhere in the order in which the edge serves. Arguments: url, race, fans, probes, cars per fan, view.
// Says `ready` when every fan is live, measures from the first message of the parent to the second, and answers it.
const [url, race, fans, probes, carsPerFan, view] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const IN_FLIGHT = 100;
const JOIN_WITHIN_MS = 30_000;
/** Load fans read this long after a tick, when every frame of it has left the edge. */
const READ_AFTER_MS = 250;
const READ_FOR_MS = 150;
const TICK_MS = 500;

const { cars } = await raceOf(url);
const histogram = latencyHistogram();
const loadFans: LoadFan[] = [];
let isMeasuring = false;
let ticks = 0;
let gaps = 0;

const choose = (fan: number) =>
  Array.from({ length: Number(carsPerFan) }, (_, n) => ({ car: cars[(fan + n * 11) % cars.length]!, view }));

function joinProbe(fan: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`probe ${fan} was not live within ${JOIN_WITHIN_MS} ms`)),
      JOIN_WITHIN_MS,
    );
    const client = connect({
      url,
      race,
      watch: choose(fan),
      document: false,
      WebSocket: LightSocket as unknown as typeof WebSocket,
    });
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
      histogram.recordValue(Math.max(1, Math.round((nowMs - tick.closeAtMs) * 1000)));
    });
  });
}

function joinLoad(fan: number): Promise<void> {
  const query = formatQuery({ version: PROTOCOL_VERSION, watch: choose(fan), history: 'latest', doc: false, rate: 2 });
  const loadFan = new LoadFan(`${url.replace('http', 'ws')}/races/${race}/live?${query}`);
  loadFans.push(loadFan);
  return loadFan.isLive;
}

const isProbe = (fan: number) =>
  Math.floor(((fan + 1) * Number(probes)) / Number(fans)) > Math.floor((fan * Number(probes)) / Number(fans));
const join = (fan: number) => (isProbe(fan) ? joinProbe(fan) : joinLoad(fan));
// The first one alone: it fetches the catalogue for all.
await joinProbe(-1 + Number(fans));
for (let fan = 0; fan < Number(fans) - 1; fan += IN_FLIGHT) {
  const many = Math.min(IN_FLIGHT, Number(fans) - 1 - fan);
  await Promise.all(Array.from({ length: many }, (_, n) => join(fan + n)));
}

// Ticks close on whole multiples of their length; every fourth one the load reads what has piled up.
const turn = () => {
  for (const fan of loadFans) fan.resume();
  setTimeout(() => {
    for (const fan of loadFans) fan.pause();
  }, READ_FOR_MS);
  arm();
};
const arm = () => {
  const period = 4 * TICK_MS;
  setTimeout(turn, period - ((Date.now() - READ_AFTER_MS) % period));
};
for (const fan of loadFans) fan.pause();
arm();

process.on('message', () => {
  if (!isMeasuring) {
    isMeasuring = true;
    return;
  }
  const ms = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
  for (const fan of loadFans) gaps += fan.gaps;
  const load = loadFans.map((fan) => fan.ticks);
  const leastLoadTicks = load.length === 0 ? null : Math.min(...load);
  process.send!({
    ticks,
    gaps,
    leastLoadTicks,
    p50_ms: ms(50),
    p99_ms: ms(99),
    p999_ms: ms(99.9),
    max_ms: histogram.maxValue / 1000,
  });
  setTimeout(() => process.exit(0), 100);
});
process.send!('ready');
