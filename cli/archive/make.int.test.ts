import { readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../../testing/nats-server.ts';
import { findFreePort, Sandbox, until } from '../testing/program.ts';

let box: Sandbox;
let nats: TestNatsServer;

beforeAll(async () => {
  box = new Sandbox();
  nats = await startNatsServer();
});

afterAll(async () => {
  await box.remove();
  await nats.stop();
});

describe('slipstream archive make', () => {
  it('makes a race that can be put into NATS, and read and replayed there', async () => {
    const options = ['--kind', 'simulator', '--cars', '2', '--rate', '2', '--minutes', '0.5', '--seed', '3'];
    const made = await box.run(['archive', 'make', 'short one.race', ...options]);
    expect(made.stderr).toBe('');
    expect(made.stdout).toMatch(
      /^60 ticks of race short-one, 2 cars, to lap 1, are in short one\.race\.\nflags {6}green/,
    );
    const imported = await box.run(['archive', 'import', 'short one.race', '--nats', nats.url]);
    expect(imported.code).toBe(0);
    const replayed = await box.run(['replay', 'short one.race', '--nats', nats.url, '--speed', '60']);
    expect(replayed.stderr).toContain('60 ticks were published.');
    for (const race of ['short-one', 'short-one-replay']) {
      const { stdout } = await box.run(['inspect', race, '--nats', nats.url]);
      expect(stdout).toContain('0 ticks lost, 0 doubled, 0 not checked');
      expect(stdout).toContain('ticks 0–59 ');
    }
  });

  it('makes a race with a log, which those who follow it leave out', async () => {
    const line = (atS: number, stream: string, payload: object) =>
      `00:00:${String(atS).padStart(2, '0')}.000${JSON.stringify({ stream, payload })}`;
    const lines = [
      line(0, 'Heartbeat', { Utc: '2026-03-01T12:00:00Z' }),
      line(1, 'TimingData', { Lines: { 1: { Position: '1' } } }),
      line(5, 'RaceControlMessages', { Messages: [{ Message: 'RISK OF RAIN' }] }),
      line(30, 'Heartbeat', { Utc: '2026-03-01T12:00:30Z' }),
    ];
    writeFileSync(box.path('gp.txt'), lines.join('\n'));
    expect((await box.run(['archive', 'make', 'gp.race', 'gp.txt'])).code).toBe(0);
    const { stdout } = await box.run(['archive', 'list', 'gp.race']);
    expect(stdout).toContain('1 log.race-control');
    expect((await box.run(['archive', 'import', 'gp.race', '--nats', nats.url])).code).toBe(0);
    const inspected = await box.run(['inspect', 'gp', '--nats', nats.url]);
    expect(inspected.stdout).toContain('0 ticks lost, 0 doubled, 0 not checked');
    const port = await findFreePort();
    const edge = box.start(['edge', '--nats', nats.url, '--port', String(port)]);
    const segments = await until('The segments', async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/races/gp/segments`).catch(() => undefined);
      return answer?.ok ? ((await answer.json()) as { segments: { id: string }[] }).segments : undefined;
    });
    expect(segments).toHaveLength(2);
    for (const { id } of segments!) {
      const answer = await fetch(`http://127.0.0.1:${port}/races/gp/segments/${id}`);
      expect([answer.status, (await answer.arrayBuffer()).byteLength > 100]).toEqual([200, true]);
    }
    edge.child.kill('SIGTERM');
    await edge.end();
  });

  it('leaves nothing behind when it is ended before', async () => {
    const run = box.start(['archive', 'make', 'long.race', '--kind', 'simulator', '--laps', '2000']);
    const left = () => readdirSync(box.folder).filter((name) => name.startsWith('long.race'));
    await until('That the file is begun', () => left().length > 0);
    run.child.kill('SIGTERM');
    expect(await run.end()).toEqual({ code: 1, signal: null });
    expect(run.stderr()).toBe('Stopped by SIGTERM; nothing half done was left.\n');
    expect(left()).toEqual([]);
  });
});
