import { afterEach, describe, expect, it } from 'vitest';
import { ALL_IS_WELL, type NatsFault, OutageRig } from './outage-rig.ts';
import { smallDiskProblem } from './small-disk.ts';

const TIMEOUT = { timeout: 180_000 };
/** Ticks that ingest closes while NATS is away: some 2 s at this speed. */
const TICKS_AWAY = 40;
const OPTIONS = { fans: 5, speed: 10 };

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
});
