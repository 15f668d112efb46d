import { join } from 'node:path';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import { Actor } from './actor.ts';

/** Samples per second and car: what counts here are the ticks. */
const RATE_HZ = 10;
/** What an ingest says when it begins to publish, and when it waits for its turn. */
const LEADS = /\bRace \w+ (goes on after|begins in epoch)\b/;
const STANDS_BY = /\bstanding by\b/;

/** An ingest, and its way to NATS where that can be spoilt. */
export class StagedIngest {
  readonly actor: Actor;
  readonly network: FaultProxy | undefined;
  /** When it said that it publishes, ms; `undefined` before, and when it has said since that it stands by. */
  leadsSinceMs: number | undefined;
  standsBy = false;

  constructor(
    name: string,
    args: readonly string[],
    folder: string,
    network: FaultProxy | undefined,
    onDeath: (sentence: string) => void,
  ) {
    this.network = network;
    this.actor = new Actor(name, args, folder, {
      onDeath,
      onLaunch: () => this.#become(undefined),
      onLine: (line) => {
        if (STANDS_BY.test(line)) this.#become('stands by');
        else if (LEADS.test(line)) this.#become('leads');
      },
    });
  }

  #become(role: 'leads' | 'stands by' | undefined): void {
    this.leadsSinceMs = role === 'leads' ? performance.now() : undefined;
    this.standsBy = role === 'stands by';
  }
}

/** Two ingests of one race. */
export class IngestPair {
  readonly members: readonly StagedIngest[];

  private constructor(members: readonly StagedIngest[]) {
    this.members = members;
  }

  /**
   * @param servers Of NATS. With a single one, each ingest has a way to it that can be spoilt.
   * @param folder For their spools.
   */
  static async start(
    servers: readonly string[],
    race: string,
    folder: string,
    onDeath: (sentence: string) => void,
  ): Promise<IngestPair> {
    const [first] = servers;
    const members: StagedIngest[] = [];
    for (let n = 1; n <= 2; n++) {
      const network = servers.length === 1 ? await startFaultProxy(`http://${first}`) : undefined;
      const nats = network ? `127.0.0.1:${network.port}` : servers.join(',');
      const place = ['--nats', nats, '--replicas', String(servers.length), '--spool', join(folder, `spool-${n}`)];
      const source = ['--race', race, '--sources', 'simulator', '--rate', String(RATE_HZ)];
      members.push(new StagedIngest(`ingest ${n}`, ['ingest', ...place, ...source], folder, network, onDeath));
    }
    return new IngestPair(members);
  }

  /**
   * The one that publishes, `undefined` while none does: the one that said so last, for one that is frozen or cut off does not
   * know yet that it leads no more.
   */
  leader(): StagedIngest | undefined {
    const leading = this.members.filter(({ actor, leadsSinceMs }) => actor.isAlive && leadsSinceMs !== undefined);
    return leading.sort((a, b) => b.leadsSinceMs! - a.leadsSinceMs!)[0];
  }

  problems(): string[] {
    const hasStandby = this.members.some(({ actor, standsBy }) => actor.isAlive && standsBy);
    return [...(this.leader() ? [] : ['no ingest publishes']), ...(hasStandby ? [] : ['no ingest stands by'])];
  }

  async stop(): Promise<void> {
    for (const { actor, network } of this.members) {
      await actor.stop();
      await network?.stop();
    }
  }
}
