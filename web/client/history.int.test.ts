import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { dequantise } from '../../protocol/quantise.ts';
import { type RaceRig, startRace } from '../testing/race-rig.ts';
import type { Player } from './player.ts';
import { openPlayer } from './player-client.ts';

let rig: RaceRig;
let player: Player;
beforeEach(async () => {
  rig = await startRace(5);
  await rig.publish(131);
  await rig.startEdge();
  player = openPlayer({ url: rig.edges.map(({ url }) => url), race: 'demo', watch: [{ car: '24' }] });
  await vi.waitFor(() => expect(player.tick).toBe(130), { timeout: 20_000 });
});
afterEach(async () => {
  player.close();
  await rig.stop();
});

function truth(car: string, key: string, first: number, last: number) {
  const index = rig.catalogue.indexOf(key)!;
  const channel = rig.catalogue.channels[index]!;
  return Array.from({ length: last - first + 1 }, (_, n) => dequantise(channel, rig.oracle(first + n, car)![index]!));
}

it('is what was published, up to the tick that is shown, and nothing newer', async () => {
  const toMs = player.time!;
  await rig.publish(10);
  const fromMs = toMs - 100 * 500;
  // A car needs not be watched to be charted.
  const history = await player.history({ car: '9', channels: ['speed', 'rpm'], fromMs, toMs });
  expect(history).toMatchObject({ car: '9', tickMs: 500, ticksEach: 1 });
  expect(history.atMs).toEqual(Array.from({ length: 101 }, (_, n) => fromMs + n * 500));
  for (const key of ['speed', 'rpm']) expect(history.channels.get(key)).toEqual(truth('9', key, 30, 130));
});

it('keeps the peaks where there are more ticks than points', async () => {
  const toMs = player.time!;
  const history = await player.history({ car: '24', channels: ['speed'], fromMs: 0, toMs, points: 20 });
  const values = truth('24', 'speed', 0, 130).flatMap((value) => value ?? []);
  const kept = history.channels.get('speed')!.flatMap((value) => value ?? []);
  expect(history.atMs.length).toBeLessThanOrEqual(20);
  expect([Math.max(...kept), Math.min(...kept)]).toEqual([Math.max(...values), Math.min(...values)]);
});

it('says what is wrong with a question', async () => {
  const ask = (car: string, key: string) => player.history({ car, channels: [key], fromMs: 0, toMs: 1 });
  await expect(ask('77', 'speed')).rejects.toMatchObject({ code: 'bad_query', message: expect.stringContaining('77') });
  await expect(ask('24', 'sped')).rejects.toMatchObject({
    code: 'bad_query',
    message: expect.stringContaining('sped'),
  });
});
