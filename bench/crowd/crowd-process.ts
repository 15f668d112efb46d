import type { Position } from '../../protocol/position.ts';
import { CrowdPart } from './crowd-part.ts';
import type { CrowdPlan } from './plan.ts';
import type { CrowdReport } from './tally.ts';

/** What the bench asks of one process of the crowd; each is answered with a {@link CrowdReport} when it is done. */
export type CrowdCommand =
  | { readonly do: 'join'; readonly firstId: number; readonly count: number; readonly inFlight: number }
  | {
      readonly do: 'resume';
      readonly firstId: number;
      readonly count: number;
      readonly inFlight: number;
      readonly from: Position & { readonly tick: number };
    }
  | { readonly do: 'measure'; readonly afterTick: number; readonly lastTick: number }
  | { readonly do: 'cut' | 'freeze' | 'thaw' | 'report' };

// Arguments: the plan as JSON, the source address.
const [plan, from] = process.argv.slice(2) as [string, string];
const part = new CrowdPart(JSON.parse(plan) as CrowdPlan, from);

async function follow(command: CrowdCommand): Promise<void> {
  switch (command.do) {
    case 'join':
      return part.join(command.firstId, command.count, command.inFlight);
    case 'resume':
      return part.resume(command.firstId, command.count, command.inFlight, command.from);
    case 'measure':
      return part.measure(command.afterTick, command.lastTick);
    case 'cut':
      return part.cut();
    case 'freeze':
      return part.freeze();
    case 'thaw':
      return part.thaw();
    case 'report':
      return undefined;
  }
}

process.on('message', ({ id, command }: { id: number; command: CrowdCommand }) => {
  void follow(command).then(() => {
    const report: CrowdReport = part.report();
    process.send!({ id, report });
  });
});
process.on('disconnect', () => process.exit(0));
process.send!('ready');
