import { describe, expect, it } from 'vitest';
import { collectFields } from '../bench/recorded-states.ts';
import { RaceCursor } from '../protocol/race-cursor.ts';
import { readStreamHead } from '../protocol/tick-message.ts';
import { OfflineRace } from './offline-race.ts';
import { recordSource } from './recorded-race.ts';
import { createSimulatorSource } from './simulator-source.ts';
import type { Clock } from './source.ts';
import { readTestCatalogue } from './test-catalogues.ts';

const START_MS = 1_700_000_000_000;
const catalogue = readTestCatalogue('stock-car');
const simulate = (clock: Clock) =>
  createSimulatorSource({ catalogue, clock, seed: 7, rateHz: 4, cars: 4, laps: 3, loop: false });

describe('a race that is made offline', () => {
  it('has the states of the live one tick for tick, one keyframe in twenty, and a document that follows', async () => {
    const TICKS = 240;
    const fields = await collectFields(catalogue, simulate, TICKS);
    const race = new OfflineRace({
      race: 'oval',
      kind: 'simulation',
      catalogue,
      epoch: '5eed5eed5eed5eed',
      startMs: START_MS,
    });
    const recorded = recordSource(START_MS, simulate);
    const cursor = new RaceCursor();
    const keyframes: number[] = [];
    for (let tick = 0; tick < TICKS; tick++) {
      expect(await recorded.advance(race.sink, race.closesAtMs)).toBe(true);
      for (const { kind, data } of race.close()) {
        cursor.take(kind, data);
        if (kind === 'keyframe') keyframes.push(readStreamHead(data).tick);
      }
      expect(cursor.moment!.head).toMatchObject({ tick, closeAtMs: START_MS + (tick + 1) * 500 });
      expect(cursor.moment!.field).toEqual(fields[tick]);
      expect(cursor.moment!.document).toEqual(race.document);
    }
    await recorded.stop();
    expect(keyframes).toEqual(expect.arrayContaining([0, 20, 40, 220]));
    expect(race.document.session).toMatchObject({ race: 'oval', kind: 'simulation', startedAtMs: START_MS + 500 });
    expect(Object.keys(race.document.roster)).toHaveLength(4);
    expect(race.counters.toObject()).toEqual({ frames: expect.any(Number) });
  });

  it('is over when the recording is', async () => {
    const race = new OfflineRace({
      race: 'oval',
      kind: 'simulation',
      catalogue,
      epoch: '5eed5eed5eed5eed',
      startMs: START_MS,
    });
    const recorded = recordSource(START_MS, simulate);
    let ticks = 1;
    for (; await recorded.advance(race.sink, race.closesAtMs); ticks++) race.close();
    await recorded.stop();
    expect(race.document.flag).toBe('checkered');
    expect(ticks).toBeLessThan(2 * 600);
  });

  it('counts what it was not given whole, under bounded names', () => {
    const race = new OfflineRace({
      race: 'oval',
      kind: 'recording',
      catalogue,
      epoch: '5eed5eed5eed5eed',
      startMs: START_MS,
    });
    for (let i = 0; i < 1000; i++) race.sink.refuse('unknown_channel', `c${i}`);
    race.sink.refuse('malformed', 'No JSON.');
    const counts = race.counters.toObject();
    expect(counts).toMatchObject({ malformed: 1, 'unknown_channel:c0': 1, 'unknown_channel:(others)': 750 });
    expect(Object.keys(counts)).toHaveLength(252);
  });
});
