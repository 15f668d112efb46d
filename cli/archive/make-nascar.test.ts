import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { areRecordingsMissing, recordings } from '../../ingest/recordings.ts';
import { Workshop } from './testing/made-archive.ts';

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
});
afterAll(() => shop.remove());

const GREEN_MS = Date.UTC(2026, 1, 15, 19, 0, 0);

/** A snapshot of two cars, some seconds into a race of three laps; what is given replaces what is. */
function snapshot(elapsedS: number, more: object = {}, ...vehicles: object[]) {
  const car = (number: string, place: number) => ({
    vehicle_number: number,
    vehicle_manufacturer: 'Chv',
    driver: { driver_id: 1, full_name: `Driver ${number} #` },
    running_position: place,
    laps_completed: Math.floor(elapsedS / 30),
    last_lap_time: 30.123,
    best_lap_time: 29.876,
    delta: place - 1,
    status: 1,
    pit_stops: [{ pit_in_elapsed_time: 0, pit_out_elapsed_time: 0, pit_in_lap_count: 0 }],
    ...vehicles[place - 1],
  });
  return {
    lap_number: Math.floor(elapsedS / 30),
    race_id: 1,
    run_id: 1,
    run_name: 'Test 3',
    track_name: 'Oval',
    track_length: 2.5,
    elapsed_time: elapsedS,
    time_of_day_os: new Date(GREEN_MS + elapsedS * 1000).toISOString().replace('Z', '0000-00:00'),
    flag_state: 1,
    laps_in_race: 3,
    laps_to_go: 3 - Math.floor(elapsedS / 30),
    vehicles: [car('24', 1), car('09', 2)],
    ...more,
  };
}

const write = (name: string, text: string) => {
  writeFileSync(shop.path(name), text);
  return shop.path(name);
};

describe('slipstream archive make, of snapshots of the NASCAR live feed', () => {
  it('makes a race of what they say, and holds it from one to the next', async () => {
    const inPit = { pit_stops: [{ pit_in_elapsed_time: 61, pit_out_elapsed_time: 0, pit_in_lap_count: 2 }] };
    const wasInPit = { pit_stops: [{ pit_in_elapsed_time: 61, pit_out_elapsed_time: 73.5, pit_in_lap_count: 2 }] };
    const path = write(
      'race.ndjson',
      [
        snapshot(20),
        snapshot(50, { flag_state: 2 }),
        snapshot(62, { flag_state: 2 }, {}, { ...inPit, running_position: 2 }),
        snapshot(75, {}, { running_position: 2 }, { ...wasInPit, running_position: 1, delta: 0, secret: 1 }),
        snapshot(90, { flag_state: 9 }, { running_position: 2 }, { ...wasInPit, running_position: 1, delta: 0 }),
      ]
        .map((one) => JSON.stringify(one))
        .join('\n'),
    );
    const { made, report, ticks, values, document } = await shop.makeAndRead('oval.race', path);
    expect(report.problems).toEqual([]);
    expect(made).toMatchObject({ race: 'oval', cars: 2, ticks: 140, flags: ['green', 'yellow', 'green', 'checkered'] });
    expect(made.dropped).toEqual(
      expect.arrayContaining([
        { what: 'unused:vehicles[].secret', count: 1 },
        { what: 'unused:lap_number', count: 5 },
      ]),
    );
    expect(document.session).toMatchObject({ name: 'Test 3', track: 'Oval', trackLengthM: 4023, lapsTotal: 3 });
    expect(document.roster).toMatchObject({ '09': { driver: 'Driver 09', make: 'Chevrolet' } });
    expect(document.flags!.map(({ atMs }) => (atMs - GREEN_MS) / 1000)).toEqual([20.5, 50, 75, 90]);
    expect(document.standings).toMatchObject({
      '24': { position: 2, lap: 3, lastLapS: 30.123, stops: 0 },
      '09': { position: 1, lap: 3, gapS: 0, stops: 1 },
    });
    const stop = { car: '09', lap: 2, inAtMs: GREEN_MS + 61_000, outAtMs: GREEN_MS + 73_500 };
    expect(document.pitStops).toEqual([stop]);
    // Thirty seconds without a snapshot are no silence of the cars.
    expect(ticks.every(({ document: { standings } }) => standings['24']!.status === 'running')).toBe(true);
    expect(values('24', 'lap')).not.toContain(null);
    expect(ticks.filter(({ document: { standings } }) => standings['09']!.status === 'pit').length).toBe(26);
  });

  it.each([
    ['a list', (texts: string[]) => `[${texts.join(',')}]`],
    [
      'one after another, with marks and names of sources',
      (texts: string[]) => `\ufeff${texts.join('\nSource: x\n\ufeff')}`,
    ],
    ['lines, one of them cut off', (texts: string[]) => texts.join(`\n${texts[0]!.slice(0, 300)}\n`)],
    ['pages, one of them damaged', (texts: string[]) => texts.join('\n{"vehicles":[],,}\n')],
  ])('are read from %s', async (_, frame) => {
    const texts = [20, 24, 28].map((at) => JSON.stringify(snapshot(at)));
    const { made, report } = await shop.makeAndRead('a.race', write('a.json', frame(texts)), '--kind', 'nascar');
    expect(report.problems).toEqual([]);
    expect(made).toMatchObject({ ticks: 16, cars: 2 });
    const malformed = made.dropped.find(({ what }) => what === 'malformed')?.count ?? 0;
    expect(malformed).toBe(/cut off|damaged/.test(_) ? 2 : 0);
    expect(made.firstProblem !== undefined).toBe(malformed > 0);
  });

  it('takes files in their order, leaves out what is older, and says of two races that they are two', async () => {
    const early = write('1.json', JSON.stringify(snapshot(20)));
    const late = write('2.json', JSON.stringify(snapshot(25, { flag_state: 2 })));
    const { made } = await shop.makeAndRead('b.race', early, late, early);
    expect(made).toMatchObject({ ticks: 10, flags: ['green', 'yellow'] });
    expect(made.dropped).toContainEqual({ what: 'out_of_order', count: 1 });
    const other = write('3.json', JSON.stringify(snapshot(25, { race_id: 2 })));
    const sentence = '3.json has a snapshot of another race (2/1) than those before (1/1): make an archive of each.';
    await expect(shop.make('c.race', early, other)).rejects.toMatchObject({ code: 'two_races', message: sentence });
    expect(shop.left('c.race')).toEqual([]);
  });

  it('makes nothing worse of what is impossible', async () => {
    const wild = snapshot(
      20,
      { flag_state: 77, laps_in_race: 1e9, track_length: 'x', run_name: 'n'.repeat(500) },
      { vehicle_number: '../24', running_position: -4 },
      { laps_completed: 1e300, delta: 'Infinity', pit_stops: { a: 1 }, driver: 7, running_position: {} },
    );
    const vehicles = [...wild.vehicles, null, 'car', []];
    const { made, report, document } = await shop.makeAndRead(
      'd.race',
      write('d.json', JSON.stringify({ ...wild, vehicles })),
    );
    expect(report.problems).toEqual([]);
    expect(Object.keys(document.roster)).toEqual(['09']);
    expect(document).toMatchObject({ flag: 'none', session: { lapsTotal: null, trackLengthM: null } });
    expect(document.session.name).toHaveLength(120);
    expect(made.dropped).toContainEqual({ what: 'unused:flag_state=77', count: 1 });
    expect(made.dropped).toContainEqual({ what: 'malformed', count: 7 });
  });

  it('says why nothing can be made', async () => {
    const sentence =
      /^e\.json holds no message with a time \(In e\.json a snapshot is no JSON\): give another recording/;
    const made = shop.make('e.race', write('e.json', '{"vehicles": [], "lap_number": x}'));
    await expect(made).rejects.toMatchObject({ code: 'no_recording', message: expect.stringMatching(sentence) });
    const folder = shop.make('e.race', shop.folder, '--kind', 'nascar');
    await expect(folder).rejects.toMatchObject({ message: expect.stringMatching(/ cannot be read \(EISDIR/) });
    const nothing = shop.make('e.race', write('f.json', ''), '--kind', 'nascar');
    await expect(nothing).rejects.toMatchObject({ code: 'no_recording' });
  });
});

describe.skipIf(areRecordingsMissing())('slipstream archive make, of real snapshots', () => {
  const folder = join(recordings.folder, 'nascar-live-feed');

  it('knows a race that is over', async () => {
    const { made, report, document } = await shop.makeAndRead('over.race', join(folder, 'nhorto_live-feed.json'));
    expect(report.problems).toEqual([]);
    expect(made).toMatchObject({ cars: 38, lap: 201, flags: ['checkered'] });
    expect(document.session).toMatchObject({ name: 'Cuervo 300', track: 'Chicagoland Speedway', lapsTotal: 201 });
    const { standings, roster } = document;
    expect(roster['20']).toEqual({ car: '20', driver: 'Brandon Jones', make: 'Toyota' });
    expect(roster['88']!.driver).toBe('Chase Elliott');
    expect(standings['20']).toMatchObject({
      position: 1,
      lap: 201,
      lastLapS: 32.18,
      bestLapS: 31.151,
      gapS: 0,
      stops: 4,
    });
    expect(standings['39']).toMatchObject({ position: 31, lapsDown: 1, gapS: null });
    expect(standings['47']).toMatchObject({ position: 38, lap: 36, status: 'silent' });
    expect(Object.values(standings).filter(({ status }) => status === 'silent')).toHaveLength(2);
  });

  it('knows one under green, behind a byte order mark and before a line that names the source', async () => {
    const path = join(folder, 'rNascar23_live-feed.json');
    expect(readFileSync(path, 'utf8')).toMatch(/^\ufeff\{.*\}\nSource: /s);
    const { made, report, document, values } = await shop.makeAndRead('green.race', path);
    expect(report.problems).toEqual([]);
    expect(made).toMatchObject({ cars: 36, lap: 234, flags: ['green'] });
    expect(document.standings['6']).toMatchObject({ position: 1, lap: 234, status: 'running' });
    expect(values('6', 'laps_completed')).toEqual([233]);
    expect(document.pitStops.every(({ inAtMs, outAtMs }) => outAtMs !== null && outAtMs > inAtMs)).toBe(true);
  });
});
