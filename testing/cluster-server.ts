import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { canKeepCopies } from '../broker/copies.ts';
import { findNatsServer } from '../broker/nats-binary.ts';

/** Where `node setup.mjs --cluster` puts one when the usual nats-server is too old for a cluster. */
const OURS = join(import.meta.dirname, '..', 'node_modules', '.nats-server', 'nats-server');

const versionOf = (binary: string): string =>
  /v(\d+\.\d+\.\d+)/.exec(execFileSync(binary, ['--version'], { encoding: 'utf8' }))?.[1] ?? '0';

/** Path of a nats-server that can be one of a cluster; `undefined` where {@link clusterProblem} says why. */
export const findClusterServer = (): string | undefined =>
  [findNatsServer(), OURS].find((binary) => existsSync(binary) && canKeepCopies(versionOf(binary)));

/** Why there can be no cluster on this machine, `undefined` when there can. */
export const clusterProblem = (): string | undefined =>
  findClusterServer()
    ? undefined
    : `nats-server ${versionOf(findNatsServer())} is too old for a cluster; run node setup.mjs --cluster`;
