import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startEdgeProcess } from '../testing/edge-process.ts';
import { type RaceRig, startRace } from '../testing/race-rig.ts';
import type { Player, PlayerOptions } from './player.ts';
import { openPlayer } from './player-client.ts';

const CARS = ['9', '24'];
const WAIT = { timeout: 30_000, interval: 10 };

let rig: RaceRig;
let player: Player | undefined;
beforeEach(async () => {
  rig = await startRace(11);
});
afterEach(async () => {
  player?.close();
  player = undefined;
  await rig.stop();
});

/** What was shown: every tick is compared with the truth, and with the one before it. */
interface Seen {
  readonly ticks: number[];
  readonly faults: string[];
  readonly errors: Error[];
}

function open(options: Partial<PlayerOptions> = {}): Seen & { readonly player: Player } {
  const url = rig.edges.map((edge) => edge.url);
  const opened = openPlayer({ url, race: 'demo', watch: CARS.map((car) => ({ car })), ...options });
  player = opened;
  const seen: Seen = { ticks: [], faults: [], errors: [] };
  opened.on('error', (error) => seen.errors.push(error));
  opened.on('tick', ({ tick, snapshot, span, changes }) => {
    const last = seen.ticks.at(-1);
    if (!snapshot && last !== undefined && tick !== last + span) seen.faults.push(`${tick} came after ${last}`);
    if (opened.mode !== 'live' && !snapshot && span !== 1) seen.faults.push(`${tick} covers ${span} ticks`);
    if (opened.tick !== tick) seen.faults.push(`${opened.tick} is shown at ${tick}`);
    seen.ticks.push(tick);
    for (const car of CARS) {
      const truth = rig.oracle(tick, car);
      if (String(opened.state(car)) !== String(truth)) seen.faults.push(`car ${car} is wrong at ${tick}`);
      if (opened.car(car)?.tick !== tick) seen.faults.push(`car ${car} is of ${opened.car(car)?.tick} at ${tick}`);
    }
    const isPast = opened.mode !== 'live';
    if (isPast && !snapshot && changes.some(({ kind }) => kind !== 'delta'))
      seen.faults.push(`a jump in the changes of ${tick}`);
    if (isPast && JSON.stringify(opened.document) !== JSON.stringify(rig.documentAt(tick)))
      seen.faults.push(`the document is wrong at ${tick}`);
  });
  return { ...seen, player: opened };
}

const shows = (one: Player, tick: number) => vi.waitFor(() => expect(one.tick).toBe(tick), WAIT);

it('plays any tick of the past as it was, one after another, and joins the race where it is', async () => {
  await rig.publish(131);
  await rig.startEdge();
  const { player, ticks, faults, errors } = open();
  await shows(player, 130);
  await player.seek({ tick: 5 });
  expect([player.tick, player.mode]).toEqual([5, 'past']);
  player.setSpeed(60);
  await vi.waitFor(() => expect(player.mode).toBe('live'), WAIT);
  expect(player.speed).toBe(1);
  expect(ticks.slice(ticks.indexOf(5))).toEqual(Array.from({ length: 126 }, (_, n) => n + 5));
  await rig.publish(3);
  await shows(player, 133);
  expect(ticks.slice(-4)).toEqual([130, 131, 132, 133]);
  expect([faults, errors]).toEqual([[], []]);
});

it('stands where it is paused, also for cars that are chosen then, while the race goes on', async () => {
  await rig.publish(51);
  await rig.startEdge();
  const { player, ticks, faults } = open();
  await shows(player, 50);
  player.pause();
  await rig.publish(30);
  await vi.waitFor(() => expect(player.race.car('9')?.tick).toBe(80), WAIT);
  player.watch([{ car: '48', view: 'essentials' }, ...CARS.map((car) => ({ car }))]);
  await vi.waitFor(() => expect(player.car('48')?.value('speed')).not.toBeUndefined(), WAIT);
  expect([player.tick, player.car('48')!.tick, player.document]).toEqual([50, 50, rig.documentAt(50)]);
  player.setSpeed(60);
  player.play();
  await vi.waitFor(() => expect(player.mode).toBe('live'), WAIT);
  expect(ticks.slice(ticks.indexOf(50))).toEqual(Array.from({ length: 31 }, (_, n) => n + 50));
  expect(faults).toEqual([]);
});

it('shows nothing that is newer than the TV delay, and every tick after that, also after a rewind', async () => {
  await rig.publish(41);
  await rig.startEdge();
  const { player, ticks, faults, errors } = open({ delayMs: 6000 });
  await shows(player, 28);
  expect([player.mode, player.race.car('9')?.tick, player.document]).toEqual(['delayed', 40, rig.documentAt(28)]);
  await player.seek({ lap: 2 }).catch((error) => expect(error.code).toBe('bad_seek'));
  await player.seek({ tick: 3 });
  player.setSpeed(60);
  await vi.waitFor(() => expect(player.mode).toBe('delayed'), WAIT);
  const shown = player.tick!;
  expect(ticks.slice(ticks.lastIndexOf(3))).toEqual(Array.from({ length: shown - 2 }, (_, n) => n + 3));
  expect(shown).toBeLessThan(40);
  player.setDelay(0);
  await shows(player, 40);
  expect([player.mode, faults, errors]).toEqual(['live', [], []]);
});

it('shows nothing of a young race that should be delayed, until it can be', async () => {
  await rig.publish(5);
  await rig.startEdge();
  const { player, ticks, faults } = open({ delayMs: 1000 });
  await vi.waitFor(() => expect(player.isWaiting).toBe(true), WAIT);
  expect([player.race.car('9')?.tick, player.mode]).toEqual([4, 'delayed']);
  expect([player.tick, player.car('9'), player.document, ticks]).toEqual([undefined, undefined, undefined, []]);
  await rig.publish(40);
  await vi.waitFor(() => expect(player.tick).toBeGreaterThan(40), WAIT);
  expect([player.isWaiting, faults]).toEqual([false, []]);
  player.close();
  player.goLive();
  expect(player.tick).toBeGreaterThan(40);
});

it('goes on at another edge where one is killed, and waits while none can be reached', async () => {
  await rig.publish(101);
  const killed = await startEdgeProcess(rig.natsUrl);
  const other = await rig.startEdge();
  let isAway = false;
  const { player, ticks, faults, errors } = open({
    url: [killed.url, other.url],
    fetch: (url, init) => (isAway ? Promise.reject(new TypeError('no network')) : fetch(url, init)),
  });
  await shows(player, 100);
  await player.seek({ tick: 1 });
  await killed.stop();
  player.setSpeed(20);
  await vi.waitFor(() => expect(player.tick).toBeGreaterThan(42), WAIT);
  expect(errors.length).toBeGreaterThan(0);
  isAway = true;
  await vi.waitFor(() => expect([player.isWaiting, player.mode]).toEqual([true, 'past']), WAIT);
  const stood = player.tick!;
  expect(stood).toBeLessThan(100);
  isAway = false;
  await shows(player, 100);
  expect(ticks.slice(ticks.lastIndexOf(1))).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  expect(faults).toEqual([]);
});

it('plays from one life of the race into the next', async () => {
  await rig.publish(41);
  await rig.startEdge();
  const { player, ticks } = open();
  await shows(player, 40);
  await player.seek({ tick: 30 });
  player.pause();
  rig.beginAnew();
  await rig.publish(31);
  await vi.waitFor(() => expect(player.race.car('9')?.tick).toBe(30), WAIT);
  expect(player.tick).toBeLessThan(41);
  const from = player.tick!;
  const at = ticks.length - 1;
  player.setSpeed(60);
  player.play();
  await vi.waitFor(() => expect(player.mode).toBe('live'), { ...WAIT, timeout: 40_000 });
  const after = ticks.slice(at);
  expect(after.slice(0, 41 - from)).toEqual(Array.from({ length: 41 - from }, (_, n) => n + from));
  expect(after.at(-1)).toBe(30);
  for (const car of CARS) expect(player.state(car)).toEqual(rig.oracle(30, car));
});

it('plays a race that is over out of its archive, from the first tick to the last', async () => {
  await rig.publish(311);
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-archives-'));
  try {
    await rig.exportTo(join(folder, 'demo.race'));
    const edge = await rig.startEdge({ races: ['other'], archives: folder });
    await vi.waitFor(async () => expect(await (await fetch(`${edge.url}/races`)).text()).toContain('"demo"'), WAIT);
    const { player, ticks, faults, errors } = open();
    await shows(player, 310);
    expect([player.mode, player.race.stale]).toEqual(['live', undefined]);
    await player.seek({ tick: 0 });
    player.setSpeed(60);
    await shows(player, 310);
    expect(ticks.slice(ticks.lastIndexOf(0))).toEqual(Array.from({ length: 311 }, (_, n) => n));
    expect([player.mode, faults, errors]).toEqual(['live', [], []]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('shows what was, whatever a user does while the race goes on', async () => {
  await rig.publish(90);
  await rig.startEdge();
  const { player, ticks, faults, errors } = open();
  await vi.waitFor(() => expect(player.tick).toBe(89), WAIT);
  const race = rig.run(100);
  let state = 7;
  const chance = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  const acts: readonly (() => unknown)[] = [
    () => player.pause(),
    () => player.play(),
    () => player.goLive(),
    () => player.setSpeed([0.25, 1, 3, 20, 60][chance(5)]!),
    () => player.setDelay([0, 0, 2000, 9000][chance(4)]!),
    () => player.seek({ tick: chance(rig.tick) }),
    () => player.seek({ timeMs: (player.time ?? 0) - chance(20_000) }),
    () => void player.seek({ tick: chance(rig.tick) }),
  ];
  for (let n = 0; n < 60; n++) {
    await acts[chance(acts.length)]!();
    await new Promise((resolve) => setTimeout(resolve, chance(100)));
  }
  player.setDelay(0);
  player.goLive();
  await race.stop();
  await shows(player, rig.tick);
  expect([faults, errors]).toEqual([[], []]);
  expect(ticks.length).toBeGreaterThan(20);
}, 90_000);
