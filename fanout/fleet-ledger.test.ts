import { describe, expect, it } from 'vitest';
import { FleetLedger } from './fleet-ledger.ts';
import { Exposition, type MetricValues } from './prometheus.ts';
import { samplesOf } from './testing/exposition.ts';

const KEYS = {
  fans: 'slipstream_fans{race="oval",stage="live"}',
  frames: 'slipstream_frames_total{race="oval"}',
  served: 'slipstream_serve_seconds_count{race="oval"}',
};

/** What a worker says, as it comes out of the channel between processes. */
async function say(facts: { fans: number; frames: number; tick: number; ring: number; rss: number }) {
  const exposition = new Exposition();
  const race = { race: 'oval' };
  const gauge = (name: string, labels: string[], merge: 'sum' | 'min' | 'max' | 'omit') =>
    exposition.gauge({ name: `slipstream_${name}`, help: 'A gauge.', labels }, merge);
  gauge('fans', ['race', 'stage'], 'sum')([[{ ...race, stage: 'live' }, facts.fans]]);
  gauge('head_tick', ['race'], 'max')([[race, facts.tick]]);
  gauge('ring_ticks', ['race'], 'min')([[race, facts.ring]]);
  gauge('resident_memory_bytes', [], 'sum')([[{}, facts.rss]]);
  gauge('resident_memory_before_fans_bytes', [], 'sum')([[{}, 1000]]);
  gauge('memory_per_fan_bytes', [], 'omit')([[{}, 12345]]);
  exposition.counter({ name: 'slipstream_frames_total', help: 'A counter.', labels: ['race'] })([[race, facts.frames]]);
  const timings = exposition.timings({ name: 'slipstream_serve_seconds', help: 'Times.', labels: ['race'] }, [0.1, 1]);
  for (let n = 0; n < facts.frames; n++) timings.observe(race, 0.5);
  return JSON.parse(JSON.stringify(await exposition.values())) as MetricValues[];
}

const ONE = { fans: 30, frames: 100, tick: 7, ring: 6, rss: 4000 };
const TWO = { fans: 10, frames: 20, tick: 8, ring: 5, rss: 2000 };

async function read(ledger: FleetLedger, answered: number[], alive: number, deaths = 0) {
  return Object.fromEntries(samplesOf(await ledger.text(new Set(answered), { asked: 2, alive, deaths })));
}

describe('the metrics of several workers', () => {
  it('are made one, each in its own way', async () => {
    const ledger = new FleetLedger();
    ledger.note(1, await say(ONE));
    ledger.note(2, await say(TWO));
    expect(await read(ledger, [1, 2], 2)).toMatchObject({
      [KEYS.fans]: 40,
      [KEYS.frames]: 120,
      [KEYS.served]: 120,
      'slipstream_serve_seconds_bucket{le="0.1",race="oval"}': 0,
      'slipstream_serve_seconds_bucket{le="1",race="oval"}': 120,
      'slipstream_head_tick{race="oval"}': 8,
      'slipstream_ring_ticks{race="oval"}': 5,
      slipstream_memory_per_fan_bytes: (6000 - 2000) / 40,
      slipstream_workers_asked: 2,
      slipstream_workers_alive: 2,
      slipstream_workers_silent: 0,
      slipstream_worker_deaths_total: 0,
    });
  });

  it('keep in their sums what a silent worker has counted, and leave out what it measures', async () => {
    const ledger = new FleetLedger();
    ledger.note(1, await say(ONE));
    ledger.note(2, await say(TWO));
    expect(await read(ledger, [2], 2)).toMatchObject({
      [KEYS.fans]: 10,
      [KEYS.frames]: 120,
      [KEYS.served]: 120,
      'slipstream_ring_ticks{race="oval"}': 5,
      slipstream_workers_silent: 1,
    });
  });

  it('keep in their sums what the dead have counted, however many', async () => {
    const ledger = new FleetLedger();
    ledger.note(2, await say(TWO));
    for (let deaths = 1; deaths <= 3; deaths++) {
      ledger.note(1, await say(ONE));
      ledger.bury(1);
      ledger.bury(1);
      expect(await read(ledger, [2], 1, deaths)).toMatchObject({
        [KEYS.fans]: 10,
        [KEYS.frames]: 20 + 100 * deaths,
        [KEYS.served]: 20 + 100 * deaths,
        slipstream_workers_alive: 1,
        slipstream_worker_deaths_total: deaths,
      });
    }
    ledger.note(1, await say({ ...ONE, frames: 3 }));
    expect(await read(ledger, [1, 2], 2, 3)).toMatchObject({ [KEYS.fans]: 40, [KEYS.frames]: 323 });
  });

  it('are told while nobody has answered', async () => {
    expect(await read(new FleetLedger(), [], 1)).toEqual({
      slipstream_memory_per_fan_bytes: 0,
      slipstream_workers_asked: 2,
      slipstream_workers_alive: 1,
      slipstream_workers_silent: 1,
      slipstream_worker_deaths_total: 0,
    });
  });
});
