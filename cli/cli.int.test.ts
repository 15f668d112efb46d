import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { usage as cutting } from './archive/cut.ts';
import { usage as exporting } from './archive/export.ts';
import { usage as importing } from './archive/import.ts';
import { usage as listing } from './archive/list.ts';
import { usage as verifying } from './archive/verify.ts';
import { usage as edge } from './edge.ts';
import { type Flags, type Usage, variableOf } from './flags.ts';
import { usage as ingest } from './ingest.ts';
import { usage as inspect } from './inspect.ts';
import { usage as replay } from './replay.ts';
import { usage as start } from './start.ts';
import { findFreePort, type Run, Sandbox, until } from './testing/program.ts';
import { usage as watch } from './watch.ts';

const COMMANDS: Record<string, Usage<Flags>> = {
  start,
  ingest,
  edge,
  watch,
  inspect,
  replay,
  'archive export': exporting,
  'archive import': importing,
  'archive list': listing,
  'archive verify': verifying,
  'archive cut': cutting,
};
/** A field that costs little. */
const SMALL = ['--cars', '3', '--rate', '5'];
const AWAY = '127.0.0.1:1';

/** What a person reads: one sentence, no stack. */
function expectSentence(stderr: string, part: string | RegExp): void {
  const lines = stderr.trimEnd().split('\n');
  // What services log before they fail begins with the time.
  const own = lines.filter((line) => !/^\d\d:\d\d:\d\d /.test(line));
  expect(own, stderr).toHaveLength(1);
  expect(own[0]).toMatch(/^\S.*\.$/);
  expect(own[0]).toMatch(part);
}

/** Answers of an edge. */
const get = (port: number, path: string) => fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
const untilReady = (port: number) =>
  until(`An answer of /readyz at ${port}`, async () => (await get(port, '/readyz'))?.ok);

const natsOf = (run: Run) =>
  until('The address of NATS', () => /NATS (127\.0\.0\.1:\d+): connected/.exec(run.stderr())?.[1]) as Promise<string>;

const linesOf = (run: Run) => run.stdout().split('\n').slice(0, -1);

describe('without NATS', { concurrent: true }, () => {
  let box: Sandbox;
  beforeAll(() => {
    box = new Sandbox();
    writeFileSync(box.path('file'), 'no JSON');
    mkdirSync(box.path('blocked/nats.conf'), { recursive: true });
  });
  afterAll(() => box.remove());

  it.each(Object.entries(COMMANDS))('%s --help names every flag and its variable', async (command, { flags }) => {
    const { code, stdout, stderr } = await box.run([...command.split(' '), '--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const name of Object.keys(flags)) {
      expect(stdout).toContain(`--${name}`);
      expect(stdout).toContain(variableOf(name));
    }
  });

  it('--help names every command', async () => {
    const { code, stdout } = await box.run(['--help']);
    expect(code).toBe(0);
    for (const command of Object.keys(COMMANDS)) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
  });

  it.skipIf(!existsSync('/dev/full'))('output that cannot be written is told', async () => {
    const full = openSync('/dev/full', 'w');
    const { code, stderr } = await box.run(['--help'], { stdout: full });
    closeSync(full);
    expectSentence(stderr, /The output cannot be written: ENOSPC/);
    expect(code).toBe(1);
  });

  it('no command is answered with the help and code 2', async () => {
    const { code, stdout, stderr } = await box.run([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Commands:');
  });

  it.each([
    [['race'], /The command must be one of start, .*, archive cut, but is "race"\./],
    [['start', '--port', '0'], /--port must be a whole number from 1 to 65000/],
    [['start', '--replay', 'file', '--replay='], /--replay must be/],
    [
      ['start', '--replay', '.,file'],
      /--replay must be one archive, one folder of an f1-test, or one or more \.ibt files\./,
    ],
    [['start', 'now'], /No words may follow, but "now" came/],
    [['ingest', '--sources', 'nats,radio'], /a list of simulator, nats, udp, http, ibt, f1-test/],
    [['ingest', '--sources', 'ibt'], /--sources ibt needs --files/],
    [['ingest', '--sources', 'ibt,f1-test', '--files', 'a'], /one of ibt and f1-test/],
    [['ingest', '--sources', 'f1-test', '--files', 'a,b'], /one folder/],
    [['ingest', '--sources', 'udp,simulator', '--speed', '2'], /--speed must be 1 .*--sources udp/],
    [['ingest', '--race', 'a b'], /--race must be 1 to 32 letters, digits, - or _, but is "a b"\./],
    [['ingest', '--token', 'short'], /--token must be at least 16 characters/],
    [['edge', '--max-fans', '-1'], /--max-fans must be a whole number from 1 to 1000000, but is "-1"\./],
    [['edge', '--max-handshakes', '0'], /--max-handshakes must be a whole number from 1 to 1000000 per second/],
    [['edge', '--races', 'a,b.c'], /--races must be a list separated by commas, each 1 to 32 letters/],
    [['ingest', '--spool-mb', '0'], /--spool-mb must be a whole number from 1 to 1000000 MB, but is "0"\./],
    [['ingest', '--only', '24,number 9'], /--only must be .* each a car id of 1 to 8 letters/],
    [['edge', '--prt', '1'], /There is no flag "--prt"/],
    [['watch'], /There must be <car>, but nothing came/],
    [['watch', 'car number 24'], /<car> must be a car id/],
    [['watch', '24', '--url', 'localhost:8080'], /--url must be a list separated by commas, each an http\(s\) address/],
    [['watch', '24', '--ticks', 'x'.repeat(100_000)], /^.{50,250}$/],
    [['inspect', 'a.b'], /<race> must be 1 to 32 letters/],
    [['inspect', 'a', '--from', '0'], /--from must be a whole number from 1 to/],
  ] as const)('%j is answered with what is allowed and code 2', async (args, sentence) => {
    const { code, stdout, stderr } = await box.run(args);
    expectSentence(stderr, sentence);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('a wrong variable is named', async () => {
    const { code, stderr } = await box.run(['start'], { env: { SLIPSTREAM_PORT: 'x' } });
    expectSentence(stderr, /^SLIPSTREAM_PORT must be/);
    expect(code).toBe(2);
  });

  it.each([
    [['ingest', '--nats', AWAY], /NATS cannot be reached at 127\.0\.0\.1:1/],
    [['edge', '--nats', AWAY], /NATS cannot be reached at 127\.0\.0\.1:1/],
    [['inspect', 'demo', '--nats', AWAY], /NATS cannot be reached at 127\.0\.0\.1:1/],
    [['edge', '--web', 'nowhere'], /The folder nowhere does not exist/],
    [['ingest', '--spool', 'file'], /The folder \S+file\/demo cannot be used for the spool \(ENOTDIR\); name another/],
    [['ingest', '--catalogue', 'nowhere.json'], /The catalogue nowhere\.json cannot be read \(ENOENT\)/],
    [['start', '--catalogue', 'nowhere.json'], /The catalogue nowhere\.json cannot be read \(ENOENT\)/],
    [['start', '--catalogue', 'file'], /JSON/],
    [['start', '--catalogue', '.'], /The catalogue \. cannot be read \(EISDIR\)/],
    [['start', '--replay', 'nowhere.ibt'], /The recording nowhere\.ibt does not exist/],
    [['start', '--replay', 'file,nowhere.ibt'], /The recording nowhere\.ibt does not exist/],
    [['start', '--data-dir', 'file'], /file cannot be used .*\(EEXIST\)/],
    [['start', '--data-dir', 'file/deeper'], /file\/deeper cannot be used .*\(ENOTDIR\)/],
    [['start', '--data-dir', 'blocked'], /blocked cannot be used .*\(EISDIR\)/],
  ] as const)('%j fails with one sentence and code 1', async (args, sentence) => {
    const { code, stdout, stderr } = await box.run(args);
    expectSentence(stderr, sentence);
    expect([code, stdout]).toEqual([1, '']);
  });

  it.each([
    ['names no program', 'nowhere', /NATS_SERVER_BIN names nowhere, which is no program/],
    ['is another program', '/bin/false', /nats-server ended by itself: it said nothing\./],
  ])('start fails with one sentence when NATS_SERVER_BIN %s', async (_, NATS_SERVER_BIN, sentence) => {
    const own = new Sandbox();
    try {
      const { code, stderr } = await own.run(['start'], { env: { NATS_SERVER_BIN } });
      expectSentence(stderr, sentence);
      expect(code).toBe(1);
      await own.untilNothingIsLeft();
    } finally {
      await own.remove();
    }
  });

  it('start fails with one sentence when there is no folder for temporary files', async () => {
    const { code, stderr } = await box.run(['start'], { env: { TMPDIR: box.path('nowhere') } });
    expectSentence(stderr, /nowhere cannot be used .*ENOENT/);
    expect(code).toBe(1);
  });
});

describe('with a NATS that others run', { concurrent: true }, () => {
  let box: Sandbox;
  let nats: TestNatsServer;
  let taken: Server;
  let takenPort: number;
  beforeAll(async () => {
    box = new Sandbox();
    nats = await startNatsServer();
    writeFileSync(box.path('no.ibt'), 'not a recording');
    taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    takenPort = (taken.address() as { port: number }).port;
  });
  afterAll(async () => {
    taken.close();
    await box.remove();
    await nats.stop();
  });

  it.each([
    [['ingest', '--sources', 'ibt', '--files', 'nowhere.ibt'], /nowhere\.ibt does not exist/],
    [['ingest', '--sources', 'ibt', '--files', 'no.ibt'], /no\.ibt/],
    [['ingest', '--sources', 'f1-test', '--files', 'nowhere'], /Folder nowhere does not exist/],
    [['ingest', '--sources', 'http', '--http-port', 'TAKEN'], /Port 127\.0\.0\.1:\d+ is taken/],
    [['ingest', '--sources', 'http', '--http-host', '0.0.0.0', '--http-port', '0'], /set a token/],
    [['ingest', '--replicas', '3'], /replicas/],
    [['edge', '--archives', 'nowhere'], /folder nowhere does not exist/],
    [['edge', '--port', 'TAKEN'], /cannot listen on 127\.0\.0\.1:\d+: the port is taken/],
  ])('%j fails with one sentence and code 1', async (args, sentence) => {
    const own = args.map((word) => (word === 'TAKEN' ? String(takenPort) : word));
    const { code, stderr } = await box.run([
      ...own,
      '--nats',
      nats.url,
      ...(args[0] === 'ingest' ? ['--race', `r${args.length}`] : []),
    ]);
    expectSentence(stderr, sentence);
    expect(code).toBe(1);
  });

  it('ingest and edge end within a few seconds when NATS is away', async () => {
    const mortal = await startNatsServer();
    try {
      const port = await findFreePort();
      const services = [
        box.start(['ingest', '--sources', 'simulator', ...SMALL, '--nats', mortal.url]),
        box.start(['edge', '--port', `${port}`, '--nats', mortal.url]),
      ];
      await untilReady(port);
      await mortal.kill();
      for (const run of services) await until('A word on the loss', () => run.stderr().includes('disconnected'));
      for (const { child } of services) child.kill('SIGTERM');
      for (const run of services) {
        expect(await run.end(10_000)).toEqual({ code: 0, signal: null });
        expect(run.stderr()).not.toMatch(/^\s+at /m);
      }
    } finally {
      await mortal.stop();
    }
  });
});

describe('start', () => {
  let box: Sandbox;
  let port: number;
  let url: string;
  let nats: string;
  let run: Run;
  beforeAll(async () => {
    box = new Sandbox();
    port = await findFreePort();
    url = `http://127.0.0.1:${port}`;
    run = box.start(['start', '--port', `${port}`, ...SMALL]);
    nats = await natsOf(run);
    await untilReady(port);
  });
  afterAll(() => box.remove());

  const report = async () => JSON.parse((await box.run(['inspect', 'demo', '--json', '--nats', nats])).stdout);

  it('says where the race is live, and that it is a simulation', async () => {
    await until('The announcement', () => run.stdout().includes('Ctrl-C'));
    expect(run.stdout()).toContain(`Race "demo" (a simulation) is live:  ${url}/\n`);
    expect(await (await get(port, '/races'))!.json()).toMatchObject([{ race: 'demo', kind: 'simulation' }]);
  });

  it('serves the page, or says that it is not built', async () => {
    const response = (await get(port, '/'))!;
    if (response.status !== 404) expect(await response.text()).toContain('<!doctype html>');
  });

  it('lets watch print ticks', async () => {
    const { code, stdout } = await box.run(['watch', '1', '--url', url, '--ticks', '2']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d\.\d {2}tick \d+ {2}lap=.*\n\d.* tick \d+ {2}\S.*\n$/);
  });

  it('lets watch print three ticks as JSON, by flags or by variables', async () => {
    const [byFlags, byVariables] = await Promise.all([
      box.run(['watch', '2', '--url', url, '--ticks', '3', '--json', '--view', 'full']),
      box.run(['watch', '2'], { env: { SLIPSTREAM_URL: url, SLIPSTREAM_TICKS: '3', SLIPSTREAM_JSON: '1' } }),
    ]);
    for (const { code, stdout } of [byFlags, byVariables]) {
      expect(code).toBe(0);
      const ticks = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(ticks).toHaveLength(3);
      expect(ticks.map(({ tick }) => tick - ticks[0].tick)).toEqual([0, 1, 2]);
      for (const { car, values } of ticks) expect([car, typeof values.speed]).toEqual(['2', 'number']);
    }
  });

  it('lets watch wait for a car that is not there, until it is told to end', async () => {
    const watching = box.start(['watch', 'nobody', '--url', url, '--ticks', '1']);
    await until('The sentence', () => watching.stderr().includes('Car nobody is not in the field; waiting for it.'));
    const { tick } = JSON.parse((await box.run(['watch', '1', '--url', url, '--ticks', '1', '--json'])).stdout);
    const next = box.start(['watch', '1', '--url', url, '--json']);
    await until('Two more ticks', () => linesOf(next).some((line) => JSON.parse(line).tick >= tick + 2));
    expect([watching.stdout(), watching.child.exitCode]).toEqual(['', null]);
    expect(watching.stderr().match(/waiting for it/g)).toHaveLength(1);
    for (const { child, end } of [watching, next]) {
      child.kill('SIGINT');
      expect(await end()).toEqual({ code: 0, signal: null });
    }
  });

  it('lets watch of an unknown race fail with a sentence', async () => {
    const { code, stdout, stderr } = await box.run(['watch', '1', '--race', 'nowhere', '--url', url]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^Race nowhere cannot be watched at http:\S+: unknown_race\.$/m);
  });

  it('lets watch print some channels and some ticks', async () => {
    const { code, stdout } = await box.run([
      'watch',
      '2',
      '--url',
      url,
      '--ticks',
      '3',
      '--json',
      '--channels',
      'speed,rpm',
      '--tick-rate',
      '1',
    ]);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(code).toBe(0);
    expect(lines.map(({ values }) => Object.keys(values).sort())).toEqual(Array(3).fill(['rpm', 'speed']));
    expect(lines[2].tick - lines[1].tick).toBe(2);
  });

  it('lets watch follow over an event stream alone', async () => {
    const { code, stderr } = await box.run(['watch', '1', '--transport', 'sse', '--ticks', '2', '--url', url]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^connection: live over sse$/m);
  });

  it('lets watch of an unknown view fail with a sentence', async () => {
    const { code, stderr } = await box.run(['watch', '1', '--view', 'nowhere', '--url', url]);
    expect(code).toBe(1);
    expect(stderr).toContain('error: The view "nowhere" does not exist.\n');
  });

  it('lets watch say why it waits for an edge', async () => {
    const watching = box.start(['watch', '1', '--url', `http://127.0.0.1:${await findFreePort()}`]);
    await until('The reason', () => /^connection: waiting \(.+\)$/m.test(watching.stderr()));
    watching.child.kill('SIGINT');
    expect(await watching.end()).toEqual({ code: 0, signal: null });
  });

  it('lets watch end in silence when nobody reads it any more', async () => {
    const watching = box.start(['watch', '1', '--url', url]);
    await once(watching.child.stdout!, 'data');
    watching.child.stdout!.destroy();
    expect(await watching.end()).toEqual({ code: 0, signal: null });
    expect(watching.stderr()).not.toMatch(/EPIPE|^\s+at /m);
  });

  it('lets inspect find a sound stream', async () => {
    const { code, stdout } = await box.run(['inspect', 'demo', '--nats', nats]);
    expect(stdout).toMatch(/^cars {7}3: /m);
    expect(stdout).toContain('0 ticks lost, 0 doubled, 0 not checked; 0 messages unreadable, 0 patches misplaced');
    expect(code).toBe(0);
  });

  it('lets inspect begin later, with the catalogue of before', async () => {
    const { code, stdout } = await box.run(['inspect', 'demo', '--json', '--from', '6', '--nats', nats]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ catalogue: { name: 'stock-car' }, lost: 0, unreadable: 0 });
  });

  it.each([
    [['nowhere'], /NATS holds no race nowhere; it holds demo\./],
    [['demo', '--from', '1000000'], /Race demo holds no message from sequence 1000000 on/],
  ])('lets inspect %j fail with a sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await box.run(['inspect', ...args, '--nats', nats]);
    expectSentence(stderr, sentence);
    expect([code, stdout]).toEqual([1, '']);
  });

  it('fails when another has the port, and leaves nothing behind', async () => {
    const own = new Sandbox();
    try {
      const { code, stderr } = await own.run(['start', '--port', `${port}`, ...SMALL]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^The edge cannot listen on 127\.0\.0\.1:\d+: the port is taken/m);
      expect(stderr).toMatch(/The edge 1 ended by itself \(exit code 1\); its own words above say why\.\n$/);
      expect(stderr).not.toMatch(/^\s+at /m);
      await own.untilNothingIsLeft(3000);
    } finally {
      await own.remove();
    }
    expect((await get(port, '/readyz'))?.ok).toBe(true);
  });

  it('starts a killed ingest again, which goes on with the same epoch and the next tick', async () => {
    const before = await report();
    const old = box.find(' ingest ')!;
    process.kill(old.pid, 'SIGKILL');
    await until('A word on it', () =>
      run.stderr().includes('The ingest ended by itself (SIGKILL); starting it again.'),
    );
    await until('A new ingest', () => box.find(' ingest ')?.pid !== old.pid && box.find(' ingest '));
    const { lastTick } = before.epochs[0];
    const after = await until('More ticks', async () => {
      const now = await report();
      return now.epochs.at(-1).lastTick >= lastTick + 4 ? now : undefined;
    });
    expect(after.epochs).toHaveLength(1);
    expect(after).toMatchObject({ lost: 0, doubled: 0, unreadable: 0, unchecked: 0, problems: [] });
    expect(run.stderr()).toMatch(/goes on after tick \d+ in epoch [0-9a-f]{16}/);
  });

  it('starts a killed edge again on its port', async () => {
    const watching = box.start(['watch', '1', '--url', url]);
    await until('A tick', () => linesOf(watching).length > 0);
    const old = box.find(' edge ')!;
    process.kill(old.pid, 'SIGKILL');
    await until('A new edge', () => box.find(' edge ') && box.find(' edge ')?.pid !== old.pid);
    await untilReady(port);
    expect((await box.run(['watch', '1', '--url', url, '--ticks', '1'])).code).toBe(0);
    await until('A word on the loss', () => watching.stderr().includes('connection: waiting'));
    watching.child.kill('SIGINT');
    await watching.end();
  });

  it('ends with Ctrl-C, also when npm passes it on once more, and leaves nothing behind', async () => {
    expect(box.leftFolders()).toHaveLength(1);
    run.child.kill('SIGINT');
    await until('The end begins', () => run.stderr().includes('Ending: SIGINT.'));
    run.child.kill('SIGINT');
    expect(await run.end()).toEqual({ code: 0, signal: null });
    await box.untilNothingIsLeft(3000);
  });
});

describe('what start leaves behind', { concurrent: true }, () => {
  /** A sandbox of its own for each test, and a start in it. */
  async function withStart(args: string[], test: (box: Sandbox, run: Run, port: number) => Promise<void>) {
    const box = new Sandbox();
    try {
      const port = await findFreePort();
      await test(box, box.start(['start', '--port', `${port}`, ...SMALL, ...args]), port);
    } finally {
      await box.remove();
    }
  }

  it('is nothing after SIGKILL', () =>
    withStart([], async (box, run, port) => {
      await untilReady(port);
      run.child.kill('SIGKILL');
      await box.untilNothingIsLeft(10_000);
    }));

  it.each([
    ['nats-server', 'SIGKILL'],
    [' ingest ', 'SIGKILL'],
    [' edge ', 'SIGKILL'],
    ['nats-server', 'SIGINT'],
    [' edge ', 'SIGINT'],
  ] as const)('is nothing when %s has just been started at %s', (word, signal) =>
    withStart([], async (box, run) => {
      await until(`A process with ${word}`, () => box.find(word));
      run.child.kill(signal);
      await run.end();
      await box.untilNothingIsLeft(10_000);
      expect(run.stdout()).not.toContain('is live');
    }),
  );

  it('is nothing but a sentence when its nats-server dies', () =>
    withStart([], async (box, run, port) => {
      await untilReady(port);
      process.kill(box.find('nats.conf')!.pid, 'SIGKILL');
      expect((await run.end()).code).toBe(1);
      expect(run.stderr()).toMatch(/nats-server ended by itself: .*\.\n$/);
      expect(run.stderr()).not.toMatch(/^\s+at /m);
      await box.untilNothingIsLeft(3000);
    }));

  it('is nothing when nobody reads it', () =>
    withStart([], async (box, run) => {
      run.child.stdout!.destroy();
      run.child.stderr!.destroy();
      expect(await run.end()).toEqual({ code: 0, signal: null });
      await box.untilNothingIsLeft(3000);
    }));

  it('is the race in --data-dir, which the next start goes on with and nobody else may use', () =>
    withStart(['--data-dir', 'kept'], async (box, run, port) => {
      await untilReady(port);
      const other = await box.run(['start', '--port', `${await findFreePort()}`, '--data-dir', box.path('kept')]);
      expectSentence(other.stderr, /kept is in use by the nats-server with process id \d+/);
      expect(other.code).toBe(1);
      const { tick } = JSON.parse(
        (await box.run(['watch', '1', '--url', `http://127.0.0.1:${port}`, '--ticks', '1', '--json'])).stdout,
      );
      run.child.kill('SIGINT');
      await run.end();
      await until('The end of all processes', () => box.processes().length === 0, 1000);

      // A process id says nothing: this one lives, and is no nats-server.
      writeFileSync(box.path('kept/nats.pid'), `${process.pid}`);
      const again = box.start(['start', '--port', `${port}`, ...SMALL, '--data-dir', 'kept']);
      await until('The race goes on', () => /goes on after tick (\d+)/.exec(again.stderr()));
      expect(Number(/goes on after tick (\d+)/.exec(again.stderr())![1])).toBeGreaterThanOrEqual(tick);
      again.child.kill('SIGTERM');
      expect(await again.end()).toEqual({ code: 0, signal: null });
    }));
});
