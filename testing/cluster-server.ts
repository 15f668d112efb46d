import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { canKeepCopies } from '../broker/copies.ts';
import { findNatsServer } from '../broker/nats-binary.ts';

/** Where `node setup.mjs --cluster` puts one when the usual nats-server is too old for a cluster. */
const OURS = join(import.meta.dirname, '..', 'node_modules', '.nats-server', 'nats-server');

/** The first whose sending goroutine is told the account instead of looking for it. */
const OLDEST_NEVER_MUTE = '2.11.0';

const versionOf = (binary: string): string =>
  /v(\d+\.\d+\.\d+)/.exec(execFileSync(binary, ['--version'], { encoding: 'utf8' }))?.[1] ?? '0';

/** Path of a nats-server that can be one of a cluster; `undefined` where {@link clusterProblem} says why. */
export const findClusterServer = (): string | undefined =>
  [findNatsServer(), OURS].find((binary) => existsSync(binary) && canKeepCopies(versionOf(binary)));

/**
 * What a server of a cluster needs in its environment. A 2.10 that may use more than one core is mute after about one start
 * in fifteen: the goroutine that sends what servers vote and acknowledge looks for the system account before another one
 * has named it, and then sends nothing until the process ends. All else works, and `/healthz` says ok, but the others do
 * not count it, its copies are never current, and two such servers stop the cluster. On one core the order is kept.
 */
export const clusterEnvFor = (version: string): Readonly<Record<string, string>> =>
  version.localeCompare(OLDEST_NEVER_MUTE, 'en', { numeric: true }) < 0 ? { GOMAXPROCS: '1' } : {};

/** The same for a binary. */
export const clusterEnvOf = (binary: string) => clusterEnvFor(versionOf(binary));

/** Why there can be no cluster on this machine, `undefined` when there can. */
export const clusterProblem = (): string | undefined =>
  findClusterServer()
    ? undefined
    : `nats-server ${versionOf(findNatsServer())} is too old for a cluster; run node setup.mjs --cluster`;
