import { BrokerError } from '../protocol/errors.ts';

/**
 * The oldest nats-server whose copies of a stream stay alike. In 2.9.10 a leader that stood still for 10 s and went on kept
 * its own unacknowledged writes where the others had what came after them: its copy lacked ticks for good, called itself
 * current, and could be elected. `npm run chaos -- --faults cluster-freeze` shows it within three freezes.
 */
const OLDEST_FOR_COPIES = '2.10.0';

/** Whether a nats-server of this version may keep a stream in several copies. */
export const canKeepCopies = (version: string): boolean =>
  version.localeCompare(OLDEST_FOR_COPIES, 'en', { numeric: true }) >= 0;

/** What a nats-server says of itself to those who connect. */
interface ServerInfo {
  readonly version: string;
  /** Name of the cluster that it is one of. */
  readonly cluster?: string | undefined;
}

/**
 * @throws {BrokerError} `nats_too_old`, `nats_alone` when this nats-server cannot keep so many copies, or not safely;
 *   waiting does not help.
 */
export function expectCopies({ version, cluster }: ServerInfo, replicas: number): void {
  if (replicas <= 1) return;
  if (!canKeepCopies(version))
    throw new BrokerError(
      'nats_too_old',
      `${replicas} copies need nats-server ${OLDEST_FOR_COPIES} or newer, but this is ${version}, whose copies may come to differ for good; upgrade all servers of the cluster, or use --replicas 1.`,
    );
  if (!cluster)
    throw new BrokerError(
      'nats_alone',
      `${replicas} copies need a cluster of nats-servers, but this one is alone; see deploy/nats-cluster.conf, or use --replicas 1.`,
    );
}
