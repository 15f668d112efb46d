import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../fanout/testing/until.ts';
import type { IngestProcess } from './ingest-process.ts';
import { ALL_IS_WELL, OutageRig } from './outage-rig.ts';

const TIMEOUT = { timeout: 180_000 };
const OPTIONS = { fans: 5, speed: 10 };

let rig: OutageRig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

/** A new process of ingest goes on exactly where the one before was killed. */
async function replace(old: IngestProcess, ticks: number): Promise<IngestProcess> {
  await rig!.untilTicks(old, old.ticks.length + 10);
  await old.kill();
  const next = rig!.startIngest();
  await rig!.untilTicks(next, ticks);
  expect(next.ticks[0]!.tick).toBe(old.ticks.at(-1)!.tick + 1);
  return next;
}

describe('an ingest that is killed while NATS is away', () => {
  it('goes on without NATS, again and again, and loses nothing whenever NATS comes back', TIMEOUT, async () => {
    rig = await OutageRig.start(OPTIONS);
    await rig.strike('killed');
    const third = await replace(await replace(rig.ingest, 10), 10);
    await rig.mend('killed');
    await rig.untilDrained();
    expect(third.log.join('\n')).toContain('NATS is there;');
    await rig.strike('killed');
    await rig.untilTicks(third, third.ticks.length + 10);
    await third.kill();
    await rig.mend('killed');
    const fourth = rig.startIngest();
    await rig.untilTicks(fourth, 5);
    expect(fourth.ticks[0]!.tick).toBe(third.ticks.at(-1)!.tick + 1);
    await rig.untilDrained();
    expect(await rig.judge()).toMatchObject(ALL_IS_WELL);
  });

  it('gives way to another one that has gone on meanwhile, and forgets what waits, and says so', TIMEOUT, async () => {
    rig = await OutageRig.start(OPTIONS);
    const first = rig.ingest;
    await rig.strike('killed');
    await rig.untilTicks(first, first.ticks.length + 10);
    await first.kill();
    await rig.mend('killed');
    const other = rig.startIngest('');
    await rig.untilTicks(other, 5);
    // It begins where the first one had stopped before the outage.
    expect(other.ticks[0]!.tick).toBeLessThanOrEqual(first.ticks.at(-1)!.tick);
    const again = rig.startIngest();
    await until('it stands by', () => again.log.some((line) => line.includes('standing by')), 60_000);
    const { length } = again.ticks;
    await rig.untilTicks(other, other.ticks.length + 10);
    expect(again.ticks).toHaveLength(length);
    await other.kill();
    await rig.untilTicks(again, length + 10);
    expect(again.log.join('\n')).toMatch(/\d+ messages in the spool \S+ are forgotten: another publisher has written/);
    await rig.untilDrained();
    const verdict = await rig.judge();
    expect(verdict).toMatchObject({ ...ALL_IS_WELL, unpublished: expect.any(Number) });
    expect(verdict.unpublished).toBeGreaterThan(0);
  });
});
