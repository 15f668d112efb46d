import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { ConfigError } from '../protocol/errors.ts';
import { Admission } from './admission.ts';
import { Archives } from './archives.ts';
import { planConnections } from './connections.ts';
import { type DrainOptions, dismissFans, drainFans } from './drain.ts';
import { type EdgeStats, statsOf } from './edge-stats.ts';
import { alone, type Fleet } from './fleet.ts';
import type { HttpOptions } from './http-shell.ts';
import type { EdgeLimits } from './limits.ts';
import { EdgeMetrics } from './metrics.ts';
import type { MetricValues } from './prometheus.ts';
import { Races } from './races.ts';
import { makeSessions, type SessionSettings } from './session-service.ts';
import { sharedFor } from './shared-for.ts';
import { startSocketServer } from './socket-server.ts';
import { StaticFiles } from './static-files.ts';

/** How an edge is set up; see {@link startEdge}. */
export interface EdgeOptions {
  /** @defaultValue 127.0.0.1 */
  readonly host?: string;
  /** 0 takes a free one. @defaultValue 0 */
  readonly port?: number;
  /** A connection to NATS that stays the caller's. One of `connection` and `servers` must be given. */
  readonly connection?: NatsConnection;
  /** Addresses of NATS; the edge makes and closes its own connection. */
  readonly servers?: readonly string[];
  /** The only races to serve. @defaultValue all that NATS has, also those to come */
  readonly races?: readonly string[];
  /** How often NATS is asked for new races, and the folder of archives looked at, in ms. @defaultValue 3000 */
  readonly discoverMs?: number;
  /** Folder whose archive files (`*.race`) can be rewound and charted as races that are over. @defaultValue none */
  readonly archives?: string;
  /** Folder that is served under `/`. */
  readonly webRoot?: string;
  /** Pages of these origins may read and connect. @defaultValue all */
  readonly origins?: readonly string[];
  /** Name of this process in the welcome. @defaultValue host name and a random part */
  readonly name?: string;
  /** Length of a tick, in ms, as the welcome tells it. @defaultValue 500 */
  readonly tickMs?: number;
  /**
   * The processes of this machine that take connections of the same port, and answer `/metrics` and `/healthz` as one.
   * @defaultValue this one alone, which then shares its port with nobody
   */
  readonly fleet?: Fleet;
  readonly limits?: Partial<EdgeLimits>;
  /** How the sessions of fans are kept, for as long as this is the edge that started last. */
  readonly sessions?: Partial<SessionSettings>;
  /** Told of problems, each once per race. @defaultValue nobody */
  readonly report?: (code: string, detail: unknown) => void;
}

/** A running edge. */
export interface Edge {
  readonly port: number;
  /** `http://host:port`. */
  readonly url: string;
  /**
   * Sends the fans elsewhere: takes no more of them, is not ready any more, and tells each a moment of its own. Until
   * then each gets every tick, and HTTP is answered. Resolves when the last one is gone, not before the lead is over, or
   * when time is up or `signal` aborts: {@link stop} then closes whoever is left.
   */
  drain(options: DrainOptions): Promise<void>;
  /** Dismisses the fans, stops following, closes what the edge opened. Safe to call twice. */
  stop(): Promise<void>;
  stats(): EdgeStats;
  /** The numbers of `/metrics` of this process, to be merged with those of others. */
  metrics(): Promise<MetricValues[]>;
}

/** A name for an edge that was given none. */
export const inventName = (): string => `${hostname()}-${randomBytes(3).toString('hex')}`;

const SWEEP_MS = 1000;
/** Time for the last words to leave. */
const FAREWELL_MS = 100;
/** Who asks for metrics more often gets the same again: it costs a look at every fan, and anybody may ask. */
const METRICS_EVERY_MS = 1000;

/**
 * Starts an edge: follows the races of NATS and serves fans over WebSocket and HTTP.
 * @throws {BrokerError} `nats_unreachable`. @throws {ConfigError} `port_taken`, `no_nats`.
 */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const report = options.report ?? (() => {});
  const { tickMs = 500, discoverMs = 3000 } = options;
  const name = options.name ?? inventName();
  const own = options.connection ? undefined : await connectOwn(options, name);
  const connection = options.connection ?? own!;
  const { limits, connections } = planConnections(options.limits, report);
  const stats = () => ({
    ...standing,
    fans: races.fans,
    maxFans: limits.maxFans,
    refused: { ...admission.refused },
    connections: connections.open,
    turnedAway: connections.turnedAway,
    sessions: { ...sessions.tally, devices: sessions.devices },
    races: statsOf(races, Date.now()),
  });
  const metrics = new EdgeMetrics(stats);
  const archives =
    options.archives === undefined
      ? undefined
      : new Archives({ folder: options.archives, lookEveryMs: discoverMs, report });
  const races = new Races(connection, {
    edge: name,
    tickMs,
    limits,
    report,
    isConnected: () => standing.isConnected,
    names: options.races,
    archives,
    discoverMs,
    meter: metrics,
    isCrowded: () => connections.isCrowded,
  });
  const admission = new Admission(limits);
  const standing = { isConnected: true };
  void trackConnection(connection, (isConnected) => {
    standing.isConnected = isConnected;
    if (isConnected) sessions.reconnected();
  });
  const fleet = options.fleet ?? alone(() => metrics.text());
  const readiness = () => {
    const hasFile = archives !== undefined && archives.all().length > 0;
    const hasRace = hasFile || races.all().some(({ state }) => state?.status === 'following');
    if (admission.isStopping || !hasRace) return undefined;
    return standing.isConnected ? 'ready' : 'stale';
  };
  const { webRoot, origins } = options;
  const asked = { ...fleet, metrics: sharedFor(METRICS_EVERY_MS, fleet.metrics) };
  const isCrowded = () => connections.isCrowded;
  const http: HttpOptions = {
    races,
    archives,
    admission,
    readiness,
    fleet: asked,
    report,
    files: webRoot === undefined ? undefined : new StaticFiles(webRoot),
    origins,
    isCrowded,
  };
  const host = options.host ?? '127.0.0.1';
  const address = { host, port: options.port ?? 0, isShared: options.fleet !== undefined };
  const sessions = makeSessions(connection, options.sessions, { isConnected: () => standing.isConnected, report });
  const server = await startSocketServer(address, admission, connections, http, sessions).catch(async (error) => {
    metrics.stop();
    await own?.close();
    throw error;
  });
  await races.start();
  void archives?.start();
  const sweeping = setInterval(() => {
    for (const race of races.all()) race.sweep(Date.now());
    sessions.sweep();
  }, SWEEP_MS);
  const house = { races, admission, limits };
  const stop = async () => {
    server.close();
    clearInterval(sweeping);
    archives?.stop();
    await dismissFans(house);
    await races.stop();
    sessions.stop();
    metrics.stop();
    await own?.close();
    await pause(FAREWELL_MS);
    server.end();
  };
  let stopped: Promise<void> | undefined;
  return {
    port: server.port,
    url: `http://${host === '0.0.0.0' || host === '::' ? 'localhost' : host}:${server.port}`,
    drain: (bounds) => drainFans(house, bounds),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
    stats,
    metrics: () => metrics.values(),
  };
}

async function connectOwn({ servers }: EdgeOptions, name: string): Promise<NatsConnection> {
  if (!servers || servers.length === 0)
    throw new ConfigError('no_nats', 'An edge needs the address of NATS; name one with --nats.');
  return connectNats({ servers, name });
}

async function trackConnection(connection: NatsConnection, tell: (isConnected: boolean) => void): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'reconnect') tell(true);
    else if (status.type === 'disconnect' || status.type === 'close') tell(false);
  }
}
