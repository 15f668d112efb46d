import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockFolder } from './folder-lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipstream-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const lockPath = () => join(folder, 'lock');

it('a folder belongs to one, until it is given back', () => {
  const first = lockFolder(folder);
  expect(lockFolder(folder)).toEqual({ holder: process.pid });
  if ('unlock' in first) first.unlock();
  expect(lockFolder(folder)).toHaveProperty('unlock');
});

it('what another process holds is taken when that is gone, however it went', async () => {
  const file = new URL('./folder-lock.ts', import.meta.url).href;
  const program = `const { lockFolder } = await import('${file}'); lockFolder('${folder}'); console.log(1); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  expect(lockFolder(folder)).toEqual({ holder: child.pid });
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  expect(lockFolder(folder)).toHaveProperty('unlock');
});

it('an id that was given to another process holds nothing, nor does what is no lock', () => {
  lockFolder(folder);
  const text = readFileSync(lockPath(), 'utf8');
  for (const stale of [`${process.pid} somewhen before`, '', 'x', '-1 0']) {
    writeFileSync(lockPath(), stale);
    expect(lockFolder(folder), stale).toHaveProperty('unlock');
    expect(readFileSync(lockPath(), 'utf8')).toBe(text);
  }
});
