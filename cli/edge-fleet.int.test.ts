import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { samplesOf } from '../fanout/testing/exposition.ts';
import { TestPublisher } from '../fanout/testing/publisher.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { connect } from '../web/client/mod.ts';
import { findFreePort, type Run, Sandbox, until } from './testing/program.ts';

const RACE = 'oval';
const FANS = 40;

let nats: TestNatsServer;
let publisher: TestPublisher;
const boxes: Sandbox[] = [];
beforeAll(async () => {
  nats = await startNatsServer();
  publisher = await TestPublisher.open(nats.url, RACE);
  await publisher.begin();
});
afterAll(async () => {
  for (const box of boxes) await box.remove();
  await publisher.close();
  await nats.stop();
});

function newBox(): Sandbox {
  const box = new Sandbox();
  boxes.push(box);
  return box;
}

/** An SDK client that notes every tick, and the name of the worker of each of its connections. */
function joinFan(url: string) {
  const edges: string[] = [];
  class Listening extends WebSocket {
    constructor(address: string) {
      super(address);
      this.addEventListener('message', ({ data }) => {
        const message = typeof data === 'string' ? JSON.parse(data) : {};
        if (message.type === 'welcome') edges.push(message.edge);
      });
    }
  }
  const options = {
    race: RACE,
    watch: [{ car: '0' }],
    history: 'all',
    WebSocket: Listening as typeof WebSocket,
  } as const;
  const race = connect({ url, ...options });
  const ticks: number[] = [];
  race.on('tick', ({ tick, snapshot }) => {
    // The first thing is the state of the moment; whatever comes after must be every tick.
    if (ticks.length > 0 && snapshot) ticks.push(Number.NaN);
    ticks.push(tick);
  });
  return { race, edges, ticks };
}

type Fan = ReturnType<typeof joinFan>;
const isCurrent = ({ ticks }: Fan) => ticks.at(-1) === publisher.writer.tick;
const untilCurrent = (fans: readonly Fan[]) => until('That all fans are current', () => fans.every(isCurrent));

function expectEveryTick({ ticks, race }: Fan): void {
  expect(ticks).toEqual(Array.from({ length: ticks.length }, (_, n) => ticks[0]! + n));
  expect(race.statistics()).toMatchObject({ gaps: 0, digestMismatches: 0, malformed: 0 });
}

async function startFleet(box: Sandbox, ...args: string[]) {
  const run = box.start(['edge', '--port', '0', '--name', 'grid', '--workers', '2', '--nats', nats.url, ...args]);
  const port = await untilServing(run);
  return { run, port, url: `http://127.0.0.1:${port}` };
}

async function untilServing(run: Run): Promise<number> {
  await until('That all workers serve', () => run.stderr().includes('All 2 workers serve.'));
  return Number(/Serving fans at http:\/\/127\.0\.0\.1:(\d+)\./.exec(run.stderr())![1]);
}

/** Workers are told from their parent by their port: it was asked for 0. */
const workersOf = (box: Sandbox) => box.processes().filter(({ command }) => /--port=\d+/.test(command));
const healthOf = async (url: string) => (await fetch(`${url}/healthz`)).json();
const scrape = async (url: string) => samplesOf(await (await fetch(`${url}/metrics`)).text());

describe('two workers on one port', () => {
  const box = newBox();
  let run: Run;
  let url: string;
  let port: number;
  const fans: Fan[] = [];
  beforeAll(async () => {
    ({ run, url, port } = await startFleet(box));
    for (let n = 0; n < FANS; n++) fans.push(joinFan(url));
    await untilCurrent(fans);
  });
  afterAll(() => {
    for (const { race } of fans) race.close();
  });

  it('share the fans, and speak as one', async () => {
    expect(new Set(fans.flatMap(({ edges }) => edges))).toEqual(new Set(['grid-1', 'grid-2']));
    expect(await healthOf(url)).toEqual({ status: 'ok', workers: { asked: 2, alive: 2 } });
    await publisher.run(5);
    await untilCurrent(fans);
    const samples = (await until('That the metrics have all', async () => {
      const now = await scrape(url);
      return now.get(`slipstream_ticks_total{race="${RACE}"}`) === 10 && now;
    })) as Map<string, number>;
    expect(Object.fromEntries(samples)).toMatchObject({
      [`slipstream_fans{race="${RACE}",stage="live"}`]: FANS,
      [`slipstream_repairs_total{race="${RACE}",kind="snapshot"}`]: FANS,
      [`slipstream_head_tick{race="${RACE}"}`]: publisher.writer.tick,
      [`slipstream_race_status{race="${RACE}",status="live"}`]: 2,
      slipstream_workers_asked: 2,
      slipstream_workers_alive: 2,
      slipstream_workers_silent: 0,
    });
    expect(samples.get(`slipstream_frames_total{race="${RACE}"}`)).toBeGreaterThanOrEqual(FANS * 6);
  });

  it.each([
    ['one process', '1'],
    ['a fleet', '2'],
  ])('let no other edge of %s have their port', async (_, workers) => {
    const other = await box.run(['edge', '--port', `${port}`, '--workers', workers, '--nats', nats.url]);
    expect(other.stderr.split('\n').at(-2)).toBe(
      `The edge cannot listen on 127.0.0.1:${port}: the port is taken or not allowed; choose another with --port.`,
    );
    expect(other.code).toBe(1);
  });

  it('count one that does not answer', async () => {
    const [frozen] = workersOf(box);
    const before = (await scrape(url)).get(`slipstream_repairs_total{race="${RACE}",kind="snapshot"}`);
    process.kill(frozen!.pid, 'SIGSTOP');
    try {
      // The kernel gives every other connection to the one that is frozen.
      const ask = async () => {
        const text = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2500) }).then(
          (response) => response.text(),
          () => undefined,
        );
        const samples = text === undefined ? undefined : samplesOf(text);
        return samples?.get('slipstream_workers_silent') === 1 && samples;
      };
      const samples = (await until('That one is silent', ask)) as Map<string, number>;
      expect(samples.get('slipstream_workers_alive')).toBe(2);
      expect(samples.get(`slipstream_fans{race="${RACE}",stage="live"}`)).toBeLessThan(FANS);
      expect(samples.get(`slipstream_repairs_total{race="${RACE}",kind="snapshot"}`)).toBe(before);
    } finally {
      process.kill(frozen!.pid, 'SIGCONT');
    }
    await until('That both answer', async () => (await scrape(url)).get('slipstream_workers_silent') === 0);
  });

  it('lose no tick when one is killed: its fans come back, the others notice nothing', async () => {
    const before = (await scrape(url)).get(`slipstream_frames_total{race="${RACE}"}`)!;
    process.kill(workersOf(box)[0]!.pid, 'SIGKILL');
    await until('A degraded health', async () => (await healthOf(url).catch(() => undefined))?.status === 'degraded');
    expect(await healthOf(url)).toEqual({ status: 'degraded', workers: { asked: 2, alive: 1 } });
    await publisher.run(6);
    await until('Health again', async () => (await healthOf(url).catch(() => undefined))?.status === 'ok');
    await publisher.run(4);
    await untilCurrent(fans);
    for (const fan of fans) expectEveryTick(fan);

    const killed = /The worker (grid-\d) ended by itself \(SIGKILL\); starting it again\./.exec(run.stderr())![1];
    for (const { race, edges } of fans) {
      const connections = edges[0] === killed ? 2 : 1;
      expect([edges.length, race.statistics().reconnects]).toEqual([connections, connections - 1]);
    }
    const samples = (await until('That the metrics have all', async () => {
      const now = await scrape(url);
      return now.get(`slipstream_fans{race="${RACE}",stage="live"}`) === FANS && now;
    })) as Map<string, number>;
    expect(samples.get('slipstream_worker_deaths_total')).toBe(1);
    expect(samples.get(`slipstream_frames_total{race="${RACE}"}`)).toBeGreaterThan(before);
  });

  it('drain together at SIGTERM: nobody loses a tick, and the parent waits until the last fan has gone', async () => {
    run.child.kill('SIGTERM');
    await until('That nobody is let in', async () => (await fetch(`${url}/readyz`)).status === 503);
    await publisher.run(3);
    expect(await run.end()).toEqual({ code: 0, signal: null });
    await box.untilNothingIsLeft(3000);
    await until('That the fans know', () => fans.every(({ race }) => race.status.phase === 'waiting'));
    for (const fan of fans) expectEveryTick(fan);
    const gone = run.stderr().match(/All fans who could be sent elsewhere have gone\. .*/g);
    expect(gone).toHaveLength(2);
    for (const line of gone!) expect(line).toMatch(/\bleft\W+0\b/);
    expect(run.stderr()).not.toMatch(/^\s+at /m);
  });
});

describe('workers', () => {
  it('end when their parent is killed, and leave the port free', async () => {
    const box = newBox();
    const { run, port } = await startFleet(box);
    run.child.kill('SIGKILL');
    await box.untilNothingIsLeft(10_000);
    const again = box.start(['edge', '--port', `${port}`, '--workers', '2', '--nats', nats.url]);
    expect(await untilServing(again)).toBe(port);
    again.child.kill('SIGINT');
    expect(await again.end()).toEqual({ code: 0, signal: null });
  });

  it('drain until they are told with SIGINT to end at once; a second SIGTERM changes nothing', async () => {
    const box = newBox();
    const { run, url } = await startFleet(box, '--drain-lead', '60');
    const fan = joinFan(url);
    await untilCurrent([fan]);
    run.child.kill('SIGTERM');
    await until('That it leaves', () => fan.race.status.phase === 'leaving');
    run.child.kill('SIGTERM');
    await publisher.run(3);
    await untilCurrent([fan]);
    run.child.kill('SIGINT');
    expect(await run.end()).toEqual({ code: 0, signal: null });
    await box.untilNothingIsLeft(3000);
    expectEveryTick(fan);
    fan.race.close();
  });

  it.each([
    [['--nats', '127.0.0.1:1'], /^NATS cannot be reached at 127\.0\.0\.1:1.*\.\n$/],
    [['--web', 'nowhere'], /^The folder nowhere does not exist.*\.\n$/],
  ])('%j is told once, before any of them runs', async (args, sentence) => {
    const box = newBox();
    const { code, stderr } = await box.run(['edge', '--port', `${await findFreePort()}`, '--workers', '3', ...args]);
    expect(stderr).toMatch(sentence);
    expect(code).toBe(1);
  });

  it('of start share the port of their edge', async () => {
    const box = newBox();
    const port = await findFreePort();
    const run = box.start(['start', '--port', `${port}`, '--workers', '2', '--cars', '3', '--rate', '5']);
    await until('The announcement', () => run.stdout().includes('Ctrl-C'));
    expect(await healthOf(`http://127.0.0.1:${port}`)).toEqual({ status: 'ok', workers: { asked: 2, alive: 2 } });
    run.child.kill('SIGINT');
    expect(await run.end()).toEqual({ code: 0, signal: null });
    await box.untilNothingIsLeft(3000);
  });
});
