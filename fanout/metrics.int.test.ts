import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Edge } from './edge.ts';
import { readExposition, samplesOf } from './testing/exposition.ts';
import { Stage } from './testing/stage.ts';
import type { TestFan } from './testing/test-fan.ts';
import { until } from './testing/until.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.set();
});
afterEach(() => stage.strike());

const scrape = async (edge: Edge) => samplesOf(await (await fetch(`${edge.url}/metrics`)).text());
/** Counts the frames of a fan where they arrive. */
function countFrames(fan: TestFan): { frames: number; bytes: number } {
  const count = { frames: 0, bytes: 0 };
  fan.socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') return;
    count.frames++;
    count.bytes += (data as ArrayBuffer).byteLength;
  });
  return count;
}

describe('/metrics', () => {
  it('is in the Prometheus format and follows its rules for names, also while there is no race', async () => {
    const edge = await stage.edge({ races: ['nowhere'] });
    const response = await fetch(`${edge.url}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const metrics = readExposition(await response.text());
    expect(metrics.size).toBeGreaterThan(20);
    for (const [name, { help, type }] of metrics) {
      expect(name).toMatch(/^slipstream_[a-z_]+[a-z]$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
      expect(help, name).toMatch(/^[A-Z0-9].{10,}\.$/);
    }
    expect(
      metrics.get('slipstream_race_status')!.samples.get('slipstream_race_status{race="nowhere",status="waiting"}'),
    ).toBe(1);
    expect(metrics.get('slipstream_head_tick')!.samples.size).toBe(0);
  });

  it('says of fans, frames, bytes and repairs what the fans saw', async () => {
    await stage.publisher.begin();
    const edge = await stage.edgeAtHead();
    const fans = ['watch=0:full', 'watch=0:full', 'watch=1:essentials'].map((query) => stage.fan(edge, query));
    const counts = fans.map(countFrames);
    const silent = stage.fan(edge, '');
    for (const fan of fans) await until('the first tick', () => fan.reader.state);
    await until('the silent one is here', () => silent.isOpen && edge.stats().fans === 4);
    await stage.publisher.run(30);
    await stage.caughtUp(...fans);
    fans[2]!.say('no JSON');
    await until('the error', () => fans[2]!.reader.said.some(({ type }) => type === 'error'));

    const samples = await scrape(edge);
    const sum = (key: 'frames' | 'bytes') => counts.reduce((total, count) => total + count[key], 0);
    expect(sum('frames')).toBeGreaterThanOrEqual(3 * 31);
    expect(Object.fromEntries(samples)).toMatchObject({
      'slipstream_fans{race="oval",stage="live"}': 3,
      'slipstream_fans{race="oval",stage="new"}': 1,
      'slipstream_fans{race="oval",stage="parked"}': 0,
      'slipstream_ticks_total{race="oval"}': 30,
      'slipstream_frames_total{race="oval"}': sum('frames'),
      'slipstream_frame_bytes_total{race="oval"}': sum('bytes'),
      'slipstream_repairs_total{race="oval",kind="snapshot"}': 3,
      'slipstream_repairs_total{race="oval",kind="deltas"}': 0,
      'slipstream_messages_refused_total{race="oval"}': 1,
      'slipstream_conflations_total{race="oval"}': fans.reduce(
        (n, { reader }) => n + reader.ticks.filter(({ span }) => span > 1).length,
        0,
      ),
      'slipstream_head_tick{race="oval"}': stage.writer.tick,
      'slipstream_ring_ticks{race="oval"}': 31,
      'slipstream_race_status{race="oval",status="live"}': 1,
      'slipstream_race_status{race="oval",status="stale"}': 0,
      slipstream_nats_connected: 1,
      'slipstream_waiting_bytes{race="oval"}': 0,
    });
    for (const name of ['encode', 'serve', 'tick_lateness']) {
      const key = (part: string, le = '') => `slipstream_${name}_seconds_${part}{${le}race="oval"}`;
      // Where the state begins is no tick, but all fans are served.
      const count = name === 'tick_lateness' ? 30 : 31;
      expect(samples.get(key('count')), name).toBe(count);
      expect(samples.get(key('bucket', 'le="+Inf",')), name).toBe(count);
      expect(samples.get(key('sum')), name).toBeGreaterThan(0);
    }
    const encode = samples.get('slipstream_encode_seconds_sum{race="oval"}')!;
    expect(encode).toBeLessThan(samples.get('slipstream_serve_seconds_sum{race="oval"}')!);
    const rss = samples.get('slipstream_resident_memory_bytes')!;
    const before = samples.get('slipstream_resident_memory_before_fans_bytes')!;
    expect(samples.get('slipstream_memory_per_fan_bytes')).toBe(Math.max(0, rss - before) / 4);
    expect(samples.get('slipstream_cpu_seconds_total')).toBeGreaterThan(0);
    for (const quantile of ['0.5', '0.99', '1'])
      expect(samples.get(`slipstream_event_loop_lag_seconds{quantile="${quantile}"}`)).toBeGreaterThanOrEqual(0);
  });

  it('counts whom the edge closed and whom it turned away, by reason', async () => {
    await stage.publisher.begin();
    const edge = await stage.edgeAtHead({ limits: { maxFans: 1, maxMessagesPerSecond: 2 } });
    const fan = await stage.fanIn(edge);
    stage.fan(edge);
    await until('the next one is turned away', () => edge.stats().refused.full === 1);
    for (let n = 1; n < 5; n++) fan.say({ type: 'ping', id: n });
    await until('it is closed', () => fan.closed);
    const samples = await scrape(edge);
    expect(samples.get('slipstream_fans_closed_total{race="oval",reason="too_many"}')).toBe(1);
    expect(samples.get('slipstream_handshakes_refused_total{reason="full"}')).toBe(1);
  });
});
