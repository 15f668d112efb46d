import type { OracleFan } from '../../testing/oracle-fan.ts';
import type { CrowdCounts } from '../crowd/tally.ts';

/** What all fans together have not got, got twice, or hold otherwise than the stream has it, since the beginning. */
export interface FanTally {
  readonly lost: number;
  readonly doubled: number;
  readonly wrong: number;
  /** Frames over several ticks that nobody had asked for. */
  readonly joined: number;
  /** Snapshots for fans who held something already. */
  readonly snapshots: number;
  readonly refused: number;
}

/** Light fans who want the same. */
export interface LightGroup {
  readonly wantsEveryTick: boolean;
  readonly counts: CrowdCounts;
}

export function tallyFans(
  light: readonly LightGroup[],
  decoding: readonly Pick<OracleFan, 'report' | 'race'>[],
): FanTally {
  const ofLight = (of: (group: LightGroup) => number) => light.reduce((sum, group) => sum + of(group), 0);
  const sdk = decoding.map(({ report, race }) => ({ report, seen: race.statistics() }));
  const ofSdk = (of: (fan: (typeof sdk)[number]) => number) => sdk.reduce((sum, fan) => sum + of(fan), 0);
  return {
    lost: ofLight(({ counts }) => counts.lostTicks) + ofSdk(({ report }) => report.missed),
    doubled: ofLight(({ counts }) => counts.doubles) + ofSdk(({ report }) => report.doubled),
    wrong:
      ofLight(({ wantsEveryTick, counts }) => {
        // Nothing here makes NATS lose its data: whoever is told so has lost a race that is still there.
        return counts.untrueReceipts + counts.epochs + (wantsEveryTick ? counts.composites : 0);
      }) + ofSdk(({ report, seen }) => report.wrong + seen.gaps + seen.digestMismatches + seen.malformed),
    joined: ofLight(({ counts }) => counts.conflated),
    snapshots: ofLight(({ counts }) => counts.snapshots) + ofSdk(({ report }) => Math.max(0, report.snapshots - 1)),
    refused: ofLight(({ counts }) => counts.refused),
  };
}
