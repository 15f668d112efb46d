import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { areRecordingsMissing, recordings } from '../../ingest/recordings.ts';
import { Workshop } from './testing/made-archive.ts';

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
});
afterAll(() => shop.remove());

describe('slipstream archive make', () => {
  it('simulates a race, as long as is asked', async () => {
    const options = ['--kind', 'simulator', '--cars', '4', '--rate', '2', '--minutes', '0.5', '--seed', '3'];
    const { made, report, document } = await shop.makeAndRead('short.race', ...options);
    expect(report).toEqual({ ticks: 60, messages: expect.any(Number), problems: [] });
    expect(made).toMatchObject({ race: 'short', cars: 4, ticks: 60, flags: document.flags!.map(({ flag }) => flag) });
    expect(document.session).toMatchObject({ race: 'short', kind: 'simulation' });
  });

  it.each([
    [[], 'The path of a recording must follow, or --kind simulator be given.'],
    [['nowhere.ibt'], 'The recording nowhere.ibt does not exist.'],
    [['text'], /^What \S*text is cannot be seen; say it with --kind and one of ibt, /],
    [['folder'], /^What \S*folder is cannot be seen; /],
    [['text', '--kind', 'ibt'], /text is no iRacing recording that can be read: /],
    [['folder', '--kind', 'f1-test'], /folder holds no laps: /],
    [['folder', 'text', '--kind', 'f1-test'], 'A race of kind f1-test is made of 1 recording, but 2 came.'],
    [['--kind', 'ibt'], 'A race of kind ibt is made of 1 to 200 recordings, but 0 came.'],
    [['text', '--kind', 'ibt', '--cars', '4'], /^--minutes must be given with --cars: /],
    [['--kind', 'video'], /^--kind must be one of ibt, /],
    [['--kind', 'simulator', '--cars', '99'], /^The simulator's number of cars must be an integer from 1 to 40/],
  ])('%j fails with a sentence and leaves no file', async (args, sentence) => {
    writeFileSync(shop.path('text'), 'no recording');
    mkdirSync(shop.path('folder'), { recursive: true });
    const inFolder = args.map((word) => (word === 'text' || word === 'folder' ? shop.path(word) : word));
    const error = await shop.make('never.race', ...inFolder).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: expect.any(String), message: expect.stringMatching(sentence) });
    expect(shop.left('never')).toEqual([]);
  });
});

describe.skipIf(areRecordingsMissing())('slipstream archive make, of real recordings', () => {
  it('plays iRacing files once, each as a car, at the date of the first', async () => {
    const { made, report, ticks, values, document } = await shop.makeAndRead('night.race', ...recordings.ibt);
    expect(report.problems).toEqual([]);
    // The longest recording is 91 s.
    expect(made).toMatchObject({ race: 'night', cars: recordings.ibt.length, dropped: [], ticks: 183 });
    expect(new Date(ticks[0]!.closeAtMs).toISOString()).toMatch(/^2025-11-06T23:39:/);
    expect(document.session).toMatchObject({ kind: 'recording', origin: 'iRacing recording' });
    const speeds = values('01', 'speed').filter((speed) => speed !== null);
    expect(Math.max(...speeds)).toBeGreaterThan(150);
    // A car whose file has ended is silent.
    expect(Object.values(document.standings).some(({ status }) => status === 'silent')).toBe(true);
  });

  it('replicates one iRacing file to a field, for as long as is asked', async () => {
    const truck = recordings.ibt.find((path) => path.includes('truck'))!;
    const options = ['--cars', '12', '--minutes', '1', '--race', 'bristol'];
    const { made, report, document } = await shop.makeAndRead('field.race', truck, ...options);
    expect(report.problems).toEqual([]);
    expect(made).toMatchObject({ race: 'bristol', cars: 12, ticks: 120, dropped: [] });
    expect(document.session.origin).toBe('iRacing recording, replicated');
  });

  it('plays the driver-days of a Formula 1 test once', async () => {
    const { made, report, values, ticks } = await shop.makeAndRead('test.race', recordings.f1Test, '--cars', '3');
    expect(report.problems).toEqual([]);
    expect(made).toMatchObject({ cars: 3, dropped: [] });
    const cars = ticks[0]!.field.cars;
    expect(cars.every((car) => /^[A-Z]{3}1$/.test(car))).toBe(true);
    // The first driver-day has seven laps, and nobody begins again.
    expect(Math.max(...values('ALB1', 'lap').map(Number))).toBe(7);
    expect(values('ANT1', 'speed').at(-1)).toBeNull();
  });
});
