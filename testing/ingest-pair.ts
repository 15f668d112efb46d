import { writeFileSync } from 'node:fs';
import type { Run, Sandbox } from '../cli/testing/program.ts';
import { RAW_CATALOGUE } from './raw-cars.ts';

/** One `slipstream ingest` of several for the same race. */
export interface PairMember {
  readonly run: Run;
  /** How often it has gone on the air. */
  readonly takeOvers: number;
  /** How often it has begun to stand by. */
  readonly standBys: number;
  /** What it counted, as it says when it ends. */
  counts(): Record<string, number>;
}

let started = 0;

/** Starts one, with a spool of its own. @param nats Addresses, separated by commas. */
export function startMember(box: Sandbox, race: string, nats: string, more: readonly string[] = []): PairMember {
  const catalogue = box.path('raw-cars.json');
  writeFileSync(catalogue, RAW_CATALOGUE.json);
  const own = ['--catalogue', catalogue, '--spool', box.path(`spool-${++started}`), '--log', 'json'];
  const run = box.start(['ingest', '--race', race, '--nats', nats, ...own, ...more]);
  const lines = () =>
    run
      .stderr()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line): Record<string, unknown> => JSON.parse(line));
  const count = (pattern: RegExp) => lines().filter(({ msg }) => pattern.test(String(msg))).length;
  return {
    run,
    get takeOvers() {
      return count(/^Race \S+ (goes on after tick|begins in epoch)/);
    },
    get standBys() {
      return count(/; standing by\.$/);
    },
    counts: () => lines().findLast(({ msg }) => String(msg).startsWith('Ending: ')) as Record<string, number>,
  };
}
