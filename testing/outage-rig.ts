import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectNats } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { StreamReport } from '../cli/stream-report.ts';
import { type Edge, startEdge } from '../fanout/edge.ts';
import { until } from '../fanout/testing/until.ts';
import { digestField } from '../protocol/field.ts';
import { type IngestProcess, startIngestProcess } from './ingest-process.ts';
import { startNatsServer, type TestNatsServer } from './nats-server.ts';
import { decodeRace, readStream } from './race-check.ts';
import { RecordedFan } from './recorded-fan.ts';
import { openSmallDisk, type SmallDisk } from './small-disk.ts';

const RACE = 'outage';
const WITHIN_MS = 90_000;
const CARS = 5;

export interface OutageRigOptions {
  /** Fans who watch two cars each. */
  readonly fans: number;
  /** Race seconds per second. */
  readonly speed: number;
  /** Whether the disk of NATS is a small one that can be filled. */
  readonly hasSmallDisk?: boolean;
}

/** What can happen to NATS. */
export type NatsFault = 'killed' | 'paused' | 'disk full';

/** What is wrong in the stream and with the fans after all; everything should be 0. */
export interface OutageVerdict {
  /** Ticks that ingest had closed and that are not in the stream, or not as they were. */
  readonly unpublished: number;
  /** As `slipstream inspect` counts. */
  readonly stream: { lost: number; doubled: number; unreadable: number; unchecked: number; misplaced_patches: number };
  readonly epochs: number;
  /** Sums over all fans. */
  readonly fans: { lost: number; doubled: number; wrong: number; reconnects: number };
  readonly ticks: number;
}

export const ALL_IS_WELL = {
  unpublished: 0,
  stream: { lost: 0, doubled: 0, unreadable: 0, unchecked: 0, misplaced_patches: 0 },
  epochs: 1,
  fans: { lost: 0, doubled: 0, wrong: 0, reconnects: 0 },
} as const satisfies Omit<OutageVerdict, 'ticks'>;

/** A real nats-server, ingest in a process of its own with a spool, an edge, and fans who remember everything. */
export class OutageRig {
  readonly nats: TestNatsServer;
  readonly edge: Edge;
  /** Folder of the spool. */
  readonly spool = mkdtempSync(join(tmpdir(), 'slipstream-spool-'));
  /** Every process of ingest that there was. */
  readonly lives: IngestProcess[] = [];
  readonly fans: RecordedFan[] = [];
  readonly #disk: SmallDisk | undefined;
  readonly #options: OutageRigOptions;

  private constructor(nats: TestNatsServer, edge: Edge, disk: SmallDisk | undefined, options: OutageRigOptions) {
    this.nats = nats;
    this.edge = edge;
    this.#disk = disk;
    this.#options = options;
  }

  /** Resolves when the race is on the air and every fan has a tick. */
  static async start(options: OutageRigOptions): Promise<OutageRig> {
    const disk = options.hasSmallDisk ? await openSmallDisk(8 * 2 ** 20) : undefined;
    const nats = await startNatsServer(disk ? { disk } : {});
    const edge = await startEdge({ servers: [nats.url], races: [RACE], tickMs: 500 / options.speed });
    const rig = new OutageRig(nats, edge, disk, options);
    try {
      await rig.untilTicks(rig.startIngest(), 5);
      for (let n = 0; n < options.fans; n++) {
        rig.fans.push(new RecordedFan(edge.url, RACE, [String(n % CARS), String((n + 1) % CARS)]));
      }
      await until('all fans are live', () => rig.fans.every(({ lastTick }) => lastTick >= 0), WITHIN_MS);
      return rig;
    } catch (error) {
      await rig.stop();
      throw error;
    }
  }

  /** @param spool Folder of its spool; none when empty. */
  startIngest(spool = this.spool): IngestProcess {
    const life = startIngestProcess(this.nats.url, RACE, spool, this.#options.speed);
    this.lives.push(life);
    return life;
  }

  /** The newest process of ingest. */
  get ingest(): IngestProcess {
    return this.lives.at(-1)!;
  }

  get isSpooling(): boolean {
    return readdirSync(this.spool).some((name) => name.endsWith('.spool'));
  }

  untilTicks(life: IngestProcess, count: number): Promise<void> {
    return until(`${count} ticks of ingest`, () => life.ticks.length >= count, WITHIN_MS);
  }

  async strike(fault: NatsFault): Promise<void> {
    if (fault === 'killed') await this.nats.kill();
    else if (fault === 'paused') this.nats.pause();
    else this.#disk!.fill();
    await until('ingest spools', () => this.isSpooling, WITHIN_MS);
  }

  async mend(fault: NatsFault): Promise<void> {
    if (fault === 'killed') await this.nats.restart();
    else if (fault === 'paused') this.nats.resume();
    else {
      this.#disk!.free();
      // A server of 2.9 whose disk was full hangs for good, deaf to SIGTERM.
      await this.nats.kill();
      await this.nats.restart();
    }
  }

  /** Resolves when ingest has nothing in its spool any more. */
  untilDrained(): Promise<void> {
    return until('the spool is empty', () => !this.isSpooling, WITHIN_MS);
  }

  /** Waits until the fans have what is closed now and some more, ends ingest at once, and compares everything. */
  async judge(): Promise<OutageVerdict> {
    const newest = this.ingest.ticks.at(-1)!.tick + 5;
    await until('the fans have everything', () => this.fans.every(({ lastTick }) => lastTick >= newest), WITHIN_MS);
    await this.ingest.kill();
    const connection = await connectNats({ servers: [this.nats.url], name: 'judge' });
    try {
      const messages = await readStream(await RaceStream.open(connection, RACE));
      const report = new StreamReport(RACE);
      for (const message of messages) report.add(message);
      const { lost, doubled, unreadable, unchecked, misplaced_patches } = report.summary();
      const epochs = decodeRace(messages);
      const [epoch] = epochs;
      const held = new Map(epoch!.ticks.map(({ tick, field }) => [tick, digestField(field)]));
      const unpublished = this.lives.flatMap(({ ticks }) =>
        ticks.filter(({ tick, digest }) => tick <= newest && held.get(tick) !== digest),
      );
      const verdicts = this.fans.map((fan) => fan.compare(epoch!));
      const sum = (key: 'lost' | 'doubled' | 'wrong') => verdicts.reduce((total, verdict) => total + verdict[key], 0);
      return {
        unpublished: unpublished.length,
        stream: { lost, doubled, unreadable, unchecked, misplaced_patches },
        epochs: epochs.length,
        fans: {
          lost: sum('lost'),
          doubled: sum('doubled'),
          wrong: sum('wrong'),
          reconnects: this.fans.reduce((total, { race }) => total + race.statistics().reconnects, 0),
        },
        ticks: held.size,
      };
    } finally {
      await connection.close();
    }
  }

  async stop(): Promise<void> {
    for (const { race } of this.fans) race.close();
    await Promise.all(this.lives.map((life) => life.kill()));
    await this.edge.stop();
    await this.nats.stop();
    this.#disk?.stop();
    rmSync(this.spool, { recursive: true, force: true });
  }
}
