import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { areRecordingsMissing, recordings } from '../../ingest/recordings.ts';
import { Workshop } from './testing/made-archive.ts';

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
});
afterAll(() => shop.remove());

const BEGIN_MS = Date.UTC(2026, 2, 1, 12, 0, 0);
const utc = (ms: number) => new Date(BEGIN_MS + ms).toISOString().replace('Z', '4321Z');

const write = (name: string, text: string) => {
  writeFileSync(shop.path(name), text);
  return shop.path(name);
};

/** A line of a dump, so many ms after its beginning. */
function line(atMs: number, stream: string, payload: unknown): string {
  const time = new Date(atMs).toISOString().slice(11, 23);
  return `${time}${JSON.stringify({ stream, payload })}`;
}

const packed = (value: unknown) => deflateRawSync(JSON.stringify(value)).toString('base64');
const lineOf = (car: string, said: object) => ({ Lines: { [car]: said } });
const inTrack = (flag: string) => ({ Category: 'Flag', Flag: flag, Scope: 'Track', Message: `${flag} FLAG` });

const RACE = [
  'URL: https://example.org/dump',
  line(0, 'SessionInfo', {
    Meeting: { Name: 'Test Grand Prix', Circuit: { ShortName: 'Oval' } },
    Name: 'Race',
    SessionStatus: 'Inactive',
  }),
  line(0, 'TrackStatus', { Status: '1', Message: 'AllClear' }),
  line(500, 'Heartbeat', { Utc: utc(500) }),
  line(1000, 'DriverList', {
    1: { RacingNumber: '1', FullName: 'Ann ONE', TeamName: 'First', Secret: 1 },
    44: { FullName: 'Bea TWO' },
  }),
  line(1000, 'LapCount', { CurrentLap: 1, TotalLaps: 3 }),
  // The state of the end stands at the beginning of some dumps.
  line(
    1000,
    'TimingData',
    lineOf('1', { Position: '1', InPit: true, NumberOfLaps: 3, BestLapTime: { Value: '1:00.000' } }),
  ),
  line(1000, 'TimingData', lineOf('44', { Position: '2', InPit: false })),
  line(5000, 'SessionStatus', { Status: 'Started' }),
  line(6000, 'TimingData', lineOf('1', { InPit: false })),
  line(9000, 'RaceControlMessages', { Messages: [{ Utc: '2026-03-01T12:00:09', Lap: 1, ...inTrack('GREEN') }] }),
  line(
    20_000,
    'TimingData',
    lineOf('1', { NumberOfLaps: 1, LastLapTime: { Value: '1:15.250' }, BestLapTime: { Value: '1:15.250', Lap: 1 } }),
  ),
  line(21_500, 'TimingData', lineOf('44', { NumberOfLaps: 1, GapToLeader: '+1.500', LastLapTime: { Value: '59.9' } })),
  line(25_000, 'TrackStatus', { Status: '4', Message: 'SCDeployed' }),
  line(26_000, 'TimingData', lineOf('44', { InPit: true })),
  line(28_250, 'TimingData', lineOf('44', { InPit: false, NumberOfPitStops: 1 })),
  line(
    30_000,
    'CarData.z',
    packed({
      Entries: [
        { Utc: utc(27_000), Cars: { 1: { Channels: { 0: 10_500, 2: 301, 3: 8, 4: 100, 5: 0, 45: 12, 99: 1 } } } },
        { Utc: utc(27_400), Cars: { 1: { Channels: { 0: 9000, 2: 250, 3: 6, 4: 104, 5: 100, 45: 8 } } } },
        { Utc: utc(27_800), Cars: { 1: { Channels: { 0: 8000, 2: 99, 3: 3, 4: 20, 5: 0, 45: 0 } } } },
      ],
    }),
  ),
  line(
    30_000,
    'Position.z',
    packed({
      Position: [{ Timestamp: utc(27_100), Entries: { 1: { Status: 'OnTrack', X: -1145, Y: 20, Z: 1060 } } }],
    }),
  ),
  line(32_000, 'TimingData', lineOf('44', { GapToLeader: '1L', Position: '2' })),
  line(33_000, 'RaceControlMessages', {
    Messages: { 1: { Utc: '2026-03-01T12:00:33', Lap: 3, ...inTrack('CHEQUERED') } },
  }),
  line(34_000, 'TimingData', lineOf('1', { NumberOfLaps: 3, InPit: true })),
  line(35_000, 'TimingData', lineOf('44', { Retired: true })),
];

describe('slipstream archive make, of Formula 1 live timing', () => {
  it('makes a race of what it says, in document, channels and log', async () => {
    const { made, report, ticks, values, logs, document } = await shop.makeAndRead(
      'gp.race',
      write('gp.txt', RACE.join('\r\n')),
    );
    expect(report.problems).toEqual([]);
    expect(made).toMatchObject({ race: 'gp', cars: 2, ticks: 70, flags: ['green', 'yellow', 'checkered'], lap: 3 });
    expect(ticks[0]!.closeAtMs).toBe(BEGIN_MS + 500);
    expect(document.session).toMatchObject({
      name: 'Test Grand Prix, Race',
      track: 'Oval',
      lapsTotal: 3,
      kind: 'recording',
    });
    expect(document.roster).toEqual({
      1: { car: '1', driver: 'Ann ONE', team: 'First' },
      44: { car: '44', driver: 'Bea TWO' },
    });
    expect(document.flags!.map(({ atMs }) => atMs - BEGIN_MS)).toEqual([5000, 25_000, 33_000]);
    expect(document.standings).toMatchObject({
      1: { position: 1, lap: 3, gapS: 0, lastLapS: 75.25, bestLapS: 75.25, stops: 0, status: 'pit' },
      44: { position: 2, lap: 2, lapsDown: 1, gapS: null, lastLapS: 59.9, stops: 1, status: 'silent' },
    });
    expect(ticks[50]!.document.standings[44]).toMatchObject({ lapsDown: 0, gapS: 1.5, status: 'running' });
    // Whoever starts from pit road, or goes there after the flag, has not stopped.
    const stop = { car: '44', lap: 2, inAtMs: BEGIN_MS + 26_000, outAtMs: BEGIN_MS + 28_250 };
    expect(document.pitStops).toEqual([stop]);
    // Before the start nobody has a best lap of the race.
    expect(ticks[5]!.document.standings[1]).toMatchObject({ lap: 1, bestLapS: null });
    expect(logs.map(({ kind, data }) => [kind, JSON.parse(new TextDecoder().decode(data))])).toEqual([
      [
        'log.race-control',
        {
          offset: 0,
          atMs: BEGIN_MS + 9000,
          text: 'GREEN FLAG',
          lap: 1,
          category: 'Flag',
          flag: 'GREEN',
          scope: 'Track',
        },
      ],
      [
        'log.race-control',
        {
          offset: 1,
          atMs: BEGIN_MS + 33_000,
          text: 'CHEQUERED FLAG',
          lap: 3,
          category: 'Flag',
          flag: 'CHEQUERED',
          scope: 'Track',
        },
      ],
    ]);
    expect(document.control).toEqual([
      { atMs: BEGIN_MS + 9000, text: 'GREEN FLAG' },
      { atMs: BEGIN_MS + 33_000, text: 'CHEQUERED FLAG' },
    ]);
    // Three instants of car data, 400 ms apart, from when they came.
    expect(values('1', 'speed').slice(58, 62)).toEqual([null, 301, 250, 99]);
    expect(values('1', 'throttle').slice(59, 62)).toEqual([100, null, 20]);
    expect(values('1', 'brake').slice(59, 62)).toEqual([0, 1, 0]);
    expect(values('1', 'brake_max').slice(59, 62)).toEqual([0, 1, 0]);
    expect([values('1', 'x')[59], values('1', 'y')[59], values('1', 'z')[59]]).toEqual([-114.5, 2, 106]);
    expect(made.dropped).toContainEqual({ what: 'unused:CarData.Channels.99', count: 1 });
    expect(made.dropped).toContainEqual({ what: 'unused:DriverList[].Secret', count: 1 });
    expect(made.dropped.map(({ what }) => what)).not.toContain('malformed');
  });

  it('counts what is malformed, tells the first, and makes the rest', async () => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024)).toString('base64');
    const broken = [
      '00:00:02.000{"stream":"TimingData","payload":{"Lines":{"1":',
      'no line at all',
      '00:00:02.000["TimingData"]',
      line(2000, 'CarData.z', bomb),
      line(2000, 'CarData.z', 'AAAA'),
      line(2000, 'CarData.z', { Entries: [] }),
      line(2000, 'TimingData', {
        Lines: { '../1': {}, 2: 7, 3: { Position: -1, InPit: 'x', LastLapTime: 'y', GapToLeader: {} } },
      }),
      line(2000, 'RaceControlMessages', { Messages: { 0: { Utc: 'x' }, 1: null } }),
      line(2000, '__proto__', { a: 1 }),
      line(2000, 'TrackStatus', { Status: 'hasOwnProperty' }),
    ];
    const text = [...RACE.slice(0, 8), ...broken, ...RACE.slice(8)].join('\n');
    const { made, report, document } = await shop.makeAndRead('bad.race', write('bad.txt', text));
    expect(report.problems).toEqual([]);
    expect(made).toMatchObject({ ticks: 70, firstProblem: 'Line 9 of bad.txt is no message of live timing.' });
    expect(made.dropped).toContainEqual({ what: 'malformed', count: 11 });
    expect(document.standings[1]).toMatchObject({ position: 1, lastLapS: 75.25 });
  });

  it('reads a dump that never says what the time is, and says why none can be made of another thing', async () => {
    const undated = RACE.filter((one) => !/Heartbeat/.test(one)).join('\n');
    const { made, ticks } = await shop.makeAndRead('undated.race', write('undated.txt', undated));
    expect(made.ticks).toBe(70);
    expect(new Date(ticks[0]!.closeAtMs).toISOString()).toBe('2000-01-01T00:00:00.500Z');
    const other = shop.make('x.race', write('x.txt', 'Dear diary'), '--kind', 'f1-live');
    await expect(other).rejects.toMatchObject({
      code: 'no_recording',
      message: expect.stringMatching(/^x\.txt holds no message with a time \(Line 1 of x\.txt is no message/),
    });
    const nothing = shop.make('x.race', write('x.txt', ''), '--kind', 'f1-live');
    await expect(nothing).rejects.toMatchObject({ code: 'no_recording' });
    const cut = shop.make('x.race', write('x.txt', '{"TimingData": {'), '--kind', 'f1-live');
    await expect(cut).rejects.toMatchObject({ message: expect.stringContaining('(x.txt is no JSON object)') });
    expect(shop.left('x.race')).toEqual([]);
  });
});

describe.skipIf(areRecordingsMissing())('slipstream archive make, of real live timing', () => {
  const folder = join(recordings.folder, 'f1-live');

  it('knows the sprint of Qatar from the grid to the flag', async () => {
    const path = join(folder, '2025_Qatar_Sprint_replay_dump.txt');
    const { made, report, ticks, logs, document } = await shop.makeAndRead('qatar.race', path);
    expect(report.problems).toEqual([]);
    expect(made).toMatchObject({ cars: 20, lap: 19, flags: ['green', 'checkered'] });
    expect(made.dropped.map(({ what }) => what)).not.toContain('malformed');
    // 79:49 from the first message to the last.
    expect(made.ticks).toBe(9580);
    expect(document.session).toMatchObject({ name: 'Qatar Grand Prix, Sprint', track: 'Lusail', lapsTotal: 19 });
    const order = Object.entries(document.standings).sort(([, a], [, b]) => a.position - b.position);
    const finish = [
      '81',
      '63',
      '4',
      '1',
      '22',
      '12',
      '14',
      '55',
      '6',
      '23',
      '5',
      '87',
      '16',
      '30',
      '31',
      '27',
      '44',
      '10',
      '18',
      '43',
    ];
    expect(order.map(([car]) => car)).toEqual(finish);
    expect(document.standings['63']).toMatchObject({ gapS: 4.951, lastLapS: 85.823, bestLapS: 84.564, stops: 0 });
    expect(document.roster['81']).toEqual({ car: '81', driver: 'Oscar PIASTRI', team: 'McLaren' });
    expect(document.pitStops.map(({ car, lap }) => [car, lap])).toEqual([
      ['18', 13],
      ['10', 17],
      ['43', 17],
    ]);
    expect(document.laps!.map(({ lap }) => lap)).toEqual(Array.from({ length: 19 }, (_, i) => i + 1));
    // The start at 14:03:34 UTC, and the flag when race control showed it.
    const flags = document.flags!.map(({ atMs }) => new Date(atMs).toISOString().slice(11, 19));
    expect(flags).toEqual(['14:03:34', '14:30:25'].map((time) => expect.stringContaining(time.slice(0, 5))));
    expect(logs).toHaveLength(61);
    const texts = logs.map(({ data }) => JSON.parse(new TextDecoder().decode(data)));
    expect(texts.map(({ offset }) => offset)).toEqual(texts.map((_, i) => i));
    expect(texts[44]).toMatchObject({ text: 'CHEQUERED FLAG', lap: 19, atMs: Date.UTC(2025, 10, 29, 14, 30, 25) });
    expect(ticks.every(({ field }) => field.cars.length <= 20)).toBe(true);
  });

  it('knows where the cars of Imola were, from the answer to one subscription', async () => {
    const path = join(folder, '2024_Imola_Race_subscribe_w_z.txt');
    const { made, report, ticks, values, logs, document } = await shop.makeAndRead('imola.race', path);
    expect(report.problems).toEqual([]);
    expect(made).toMatchObject({ cars: 20, lap: 63, flags: ['checkered'] });
    expect(new Date(ticks[0]!.closeAtMs).toISOString()).toMatch(/^2024-05-19T14:31:01/);
    expect(values('1', 'speed')[0]).toBe(91);
    expect(values('1', 'rpm')[0]).toBe(6553);
    expect(values('1', 'x')[0]).toBeCloseTo(-114.5, 1);
    expect(document.standings['4']).toMatchObject({ position: 2, gapS: 0.725, stops: 1 });
    expect(document.standings['23']).toMatchObject({ position: 20, lapsDown: 12, status: 'silent', stops: 5 });
    expect(logs).toHaveLength(98);
  });
});
