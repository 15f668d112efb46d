import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { type NatsFault, OutageRig } from './outage-rig.ts';
import { smallDiskProblem } from './small-disk.ts';

const TIMEOUT = { timeout: 180_000 };
/** Ticks that ingest closes while NATS is away: some 2 s at this speed. */
const TICKS_AWAY = 40;
const OPTIONS = { fans: 5, speed: 10 };
const ALL_IS_WELL = {
  unpublished: 0,
  stream: { lost: 0, doubled: 0, unreadable: 0, unchecked: 0, misplaced_patches: 0 },
  epochs: 1,
  fans: { lost: 0, doubled: 0, wrong: 0, reconnects: 0 },
};

let rig: OutageRig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

/** NATS goes for a while and comes back. */
async function outlast(fault: NatsFault): Promise<void> {
  const { ingest } = rig!;
  await rig!.strike(fault);
  await rig!.untilTicks(ingest, ingest.ticks.length + TICKS_AWAY);
  await rig!.mend(fault);
  await rig!.untilDrained();
}

describe('no tick is lost for anybody', () => {
  it('when nats-server is killed, comes back, stands still and goes on', TIMEOUT, async () => {
    rig = await OutageRig.start(OPTIONS);
    await outlast('killed');
    await outlast('paused');
    expect(await rig.judge()).toMatchObject(ALL_IS_WELL);
    expect(rig.lives).toHaveLength(1);
  });

  const problem = smallDiskProblem();
  it.skipIf(problem)(`when the disk of nats-server is full${problem ? `: ${problem}` : ''}`, TIMEOUT, async () => {
    rig = await OutageRig.start({ ...OPTIONS, hasSmallDisk: true });
    await outlast('disk full');
    expect(await rig.judge()).toMatchObject(ALL_IS_WELL);
    expect(rig.lives).toHaveLength(1);
  });

  it('when ingest is killed too, and comes back after nats-server', TIMEOUT, async () => {
    rig = await OutageRig.start(OPTIONS);
    const first = rig.ingest;
    await rig.strike('killed');
    await rig.untilTicks(first, first.ticks.length + TICKS_AWAY);
    await first.kill();
    await rig.mend('killed');
    const second = rig.startIngest();
    await rig.untilTicks(second, 10);
    expect(second.log.join('\n')).toMatch(/\d+ messages that waited in \S+ are published first/);
    expect(second.ticks[0]!.tick).toBe(first.ticks.at(-1)!.tick + 1);
    expect(await rig.judge()).toMatchObject(ALL_IS_WELL);
    expect(readdirSync(rig.spool)).toEqual([]);
  });
});
