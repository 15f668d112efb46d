import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../../testing/nats-server.ts';
import { Sandbox, until } from '../testing/program.ts';

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
