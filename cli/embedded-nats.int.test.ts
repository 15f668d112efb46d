import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startEmbeddedNats } from './embedded-nats.ts';

const disk = vi.hoisted(() => ({ freeMib: 1000 }));
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  statfsSync: () => ({ bavail: disk.freeMib * 1024, bsize: 1024 }),
}));

describe('an embedded nats-server on a full disk', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipstream-cli-'));
    vi.stubEnv('TMPDIR', folder);
  });
  afterEach(() => {
    disk.freeMib = 1000;
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  it('is not started, and no folder is left', async () => {
    disk.freeMib = 15;
    await expect(startEmbeddedNats()).rejects.toMatchObject({
      code: 'disk_full',
      message: expect.stringMatching(/has 15 MiB left, .* at least 16 MiB; make room/),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('fails when the disk becomes full: it would hang without a word', async () => {
    const nats = await startEmbeddedNats();
    disk.freeMib = 3;
    await expect(nats.failed).rejects.toMatchObject({ code: 'disk_full' });
    await nats.stop();
    await nats.stop();
  });
});
