import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { simulateMessages } from '../../archive/testing/race-messages.ts';
import { connectNats } from '../../broker/connection.ts';
import { RaceStream } from '../../broker/race-stream.ts';
import { startNatsServer, type TestNatsServer } from '../../testing/nats-server.ts';
import { findFreePort, Sandbox, until } from '../testing/program.ts';

const TICKS = 250;
let box: Sandbox;
let nats: TestNatsServer;

beforeAll(async () => {
  box = new Sandbox();
  nats = await startNatsServer();
  const connection = await connectNats({ servers: [nats.url], name: 'test' });
  const stream = await RaceStream.open(connection, 'oval');
  await stream.ensure();
  const lastSeqs = new Map<string, number>();
  for (const { kind, seq, data } of await simulateMessages(TICKS)) {
    const subject = `race.oval.${kind}`;
    const stored = await stream.publish(subject, data, `${seq}`, lastSeqs.get(subject) ?? 0);
    if (stored === 'conflict') throw new Error('The test race does not fit.');
    lastSeqs.set(subject, stored.seq);
  }
  await connection.close();
});

afterAll(async () => {
  await box.remove();
  await nats.stop();
});

const archive = (...args: string[]) => box.run(['archive', ...args]);

describe('slipstream archive', () => {
  it('exports a race, lists it, finds it sound, cuts it, and imports it again', async () => {
    const exported = await archive('export', 'oval', 'oval.race', '--nats', nats.url);
    expect(exported).toEqual({ code: 0, stdout: `${TICKS} ticks of race oval are in oval.race.\n`, stderr: '' });
    const list = await archive('list', 'oval.race', '--events');
    expect(list.code).toBe(0);
    expect(list.stdout).toMatch(/^epoch {6}5eed5eed5eed5eed {2}ticks 0–249 /m);
    expect(list.stdout).toMatch(/^tick \d+ {2}lap 2$/m);
    expect(await archive('verify', 'oval.race')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(': sound.'),
    });
    const cut = await archive('cut', 'oval.race', 'part.race', '--from', 'lap:2', '--to', '00:02:00');
    expect(cut.stderr).toBe('');
    expect(cut.stdout).toMatch(/^\d+ ticks, \d+ to 240, are in part\.race\.$/m);
    const imported = await archive('import', 'part.race', '--as', 'part', '--nats', nats.url);
    expect(imported.stdout).toMatch(/^Race part: \d+ messages stored\.$/m);
    const { code, stdout } = await box.run(['inspect', 'part', '--nats', nats.url]);
    expect(stdout).toContain('0 ticks lost, 0 doubled, 0 not checked');
    expect(code).toBe(0);
  });

  it('replays a part of a race as a race of its own, and says so', async () => {
    await archive('export', 'oval', 'again.race', '--nats', nats.url);
    const part = ['--from', 'tick:100', '--to', 'tick:139', '--speed', '60'];
    const { code, stderr } = await box.run(['replay', 'again.race', '--nats', nats.url, ...part]);
    expect(stderr).toContain('Race oval-replay: ticks 100 to 139 of again.race at speed 60.');
    expect(stderr).toContain('40 ticks were published.');
    expect(code).toBe(0);
    const { stdout } = await box.run(['inspect', 'oval-replay', '--nats', nats.url]);
    expect(stdout).toMatch(/ticks 0–39 /);
    expect(stdout).toContain('0 ticks lost, 0 doubled, 0 not checked');
  });

  it('shows an archive in the page: npm start -- --replay', async () => {
    await archive('export', 'oval', 'page.race', '--nats', nats.url);
    const port = await findFreePort();
    const started = box.start(['start', '--replay', 'page.race', '--port', String(port), '--speed', '20']);
    const url = `http://127.0.0.1:${port}`;
    await until('The page', () => started.stdout().includes(url));
    await until('The race', async () => {
      const answer = await fetch(`${url}/races/demo`).catch(() => undefined);
      return answer?.ok && ((await answer.json()) as { tick: number }).tick > 20;
    });
    const race = (await (await fetch(`${url}/races/demo`)).json()) as { document: { session: object } };
    expect(race.document.session).toMatchObject({ kind: 'simulation', origin: 'replay of race oval' });
    started.child.kill('SIGTERM');
    expect(await started.end()).toEqual({ code: 0, signal: null });
  });

  it('names what a cut file has lost, and fails', async () => {
    await archive('export', 'oval', 'cut.race', '--nats', nats.url);
    truncateSync(box.path('cut.race'), readFileSync(box.path('cut.race')).length - 20_000);
    const { code, stdout } = await archive('verify', 'cut.race');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^120 ticks in \d+ messages: \d+ problems\.\nThe end of the file with its index is missing/);
    expect((await archive('list', 'cut.race')).stdout).toContain('race       unknown, the index is lost');
  });

  it.each([
    [['list', 'nothing.race'], /^The archive nothing\.race cannot be opened: there is no such file\.$/],
    [['list', 'text'], /^The file is no archive of a race: /],
    [['export', 'oval', 'no/such/folder'], /^The archive no\/such\/folder cannot be written: /],
    [['export', 'nowhere', 'x.race'], /^NATS holds no race nowhere; it holds oval/],
    [
      ['cut', 'oval.race', 'x.race', '--from', 'tick:999'],
      /^The archive has no tick 999; epoch \w+ has ticks 0 to 249\.$/,
    ],
    [['cut', 'oval.race', 'x.race', '--from', 'lap:77'], /^The archive has no lap 77; it has laps 1 to \d+\.$/],
    [
      ['cut', 'oval.race', 'x.race', '--from', 'tick:9', '--to', 'tick:8'],
      /^The part ends at tick 8, before it begins/,
    ],
    [['cut', 'oval.race', 'x.race', '--epoch', 'other'], /^The archive has no ticks of epoch other; it has 5eed/],
  ])('%j fails with a sentence and leaves no file', async (args, sentence) => {
    writeFileSync(box.path('text'), 'no archive');
    if (!existsSync(box.path('oval.race'))) await archive('export', 'oval', 'oval.race', '--nats', nats.url);
    const { code, stdout, stderr } = await archive(...args, ...(args[0] === 'export' ? ['--nats', nats.url] : []));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trimEnd()).toMatch(sentence);
    expect(existsSync(box.path('x.race'))).toBe(false);
  });

  it('wrong places are answered with what is allowed', async () => {
    const { code, stderr } = await archive('cut', 'a', 'b', '--from', '12:00');
    expect(code).toBe(2);
    expect(stderr).toContain('lap:<number>, tick:<number> or hh:mm:ss since the start');
  });
});
