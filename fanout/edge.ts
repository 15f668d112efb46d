import {
  App,
  type HttpRequest,
  type HttpResponse,
  type TemplatedApp,
  us_listen_socket_close,
  us_socket_local_port,
  type WebSocket,
} from 'uWebSockets.js';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { ConfigError } from '../protocol/errors.ts';
import { Admission } from './admission.ts';
import { type Connections, planConnections } from './connections.ts';
import { type EdgeStats, statsOf } from './edge-stats.ts';
import { FanConnection } from './fan-connection.ts';
import { alone, type Fleet } from './fleet.ts';
import { type HttpOptions, isAllowedOrigin, serve } from './http-shell.ts';
import type { EdgeLimits } from './limits.ts';
import { EdgeMetrics } from './metrics.ts';
import type { MetricValues } from './prometheus.ts';
import { Races } from './races.ts';
import { refuse } from './refusal.ts';
import { sharedFor } from './shared-for.ts';

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
  /** How often NATS is asked for new races, in ms. @defaultValue 3000 */
  readonly discoverMs?: number;
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
  /** Told of problems, each once per race. @defaultValue nobody */
  readonly report?: (code: string, detail: unknown) => void;
}

/** A running edge. */
export interface Edge {
  readonly port: number;
  /** `http://host:port`. */
  readonly url: string;
  /** Dismisses the fans, stops following, closes what the edge opened. Safe to call twice. */
  stop(): Promise<void>;
  stats(): EdgeStats;
  /** The numbers of `/metrics` of this process, to be merged with those of others. */
  metrics(): Promise<MetricValues[]>;
}

/** A name for an edge that was given none. */
export const inventName = (): string => `${hostname()}-${randomBytes(3).toString('hex')}`;

/** uWebSockets.js types its constants as types. */
const NO_COMPRESSION = 0;
const EXCLUSIVE_PORT = 1;
/** Largest message that is read at all; above the limit of the protocol, so that it can be refused with a code. */
const MAX_PAYLOAD_BYTES = 64 * 1024;
/** We stop long before: beyond this a message would be dropped, which closes the fan. */
const MAX_BACKPRESSURE_BYTES = 16 * 1024 * 1024;
/** A network may stall for half a minute without costing the connection. */
const IDLE_TIMEOUT_S = 120;
const SWEEP_MS = 1000;
/** Time for the last words to leave. */
const FAREWELL_MS = 100;
/** Who asks for metrics more often gets the same again: it costs a look at every fan, and anybody may ask. */
const METRICS_EVERY_MS = 1000;

/** What the handshake said, until the socket is open; then the fan. */
interface SocketData {
  asked: { readonly race: string; readonly query: string } | undefined;
  fan: FanConnection | undefined;
}

/**
 * Starts an edge: follows the races of NATS and serves fans over WebSocket and HTTP.
 * @throws {BrokerError} `nats_unreachable`. @throws {ConfigError} `port_taken`, `no_nats`.
 */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const report = options.report ?? (() => {});
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
    races: statsOf(races, nowMs()),
  });
  const metrics = new EdgeMetrics(stats);
  const races = new Races(connection, {
    edge: name,
    tickMs: options.tickMs ?? 500,
    limits,
    report,
    names: options.races,
    discoverMs: options.discoverMs ?? 3000,
    meter: metrics,
  });
  const admission = new Admission(limits);
  const standing = { isConnected: true };
  void trackConnection(connection, (isConnected) => {
    standing.isConnected = isConnected;
  });
  const nowMs = () => Date.now();
  const fleet = options.fleet ?? alone(() => metrics.text());
  const isReady = () =>
    standing.isConnected && !admission.isStopping && races.all().some(({ state }) => state?.status === 'following');
  const app = App();
  countConnections(app, connections);
  serveFans(app, races, admission, connections, options.origins);
  const { webRoot, origins } = options;
  const asked = { ...fleet, metrics: sharedFor(METRICS_EVERY_MS, fleet.metrics) };
  const isCrowded = () => connections.isCrowded;
  const http: HttpOptions = { races, isReady, nowMs, fleet: asked, report, webRoot, origins, isCrowded };
  app.any('/*', (response, request) => void serve(response, request, http));
  const host = options.host ?? '127.0.0.1';
  const listening = await listen(app, host, options.port ?? 0, options.fleet !== undefined).catch(async (error) => {
    metrics.stop();
    await own?.close();
    throw error;
  });
  await races.start();
  const sweeping = setInterval(() => {
    for (const race of races.all()) race.fans.sweep(nowMs());
  }, SWEEP_MS);
  const port = us_socket_local_port(listening);
  const stop = async () => {
    admission.isStopping = true;
    us_listen_socket_close(listening);
    clearInterval(sweeping);
    for (const race of races.all()) race.fans.dismiss(Math.random);
    await races.stop();
    metrics.stop();
    await own?.close();
    await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS));
    app.close();
  };
  let stopped: Promise<void> | undefined;
  return {
    port,
    url: `http://${host === '0.0.0.0' || host === '::' ? 'localhost' : host}:${port}`,
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

type ListenSocket = Parameters<typeof us_listen_socket_close>[0];

function listen(app: TemplatedApp, host: string, port: number, isShared: boolean): Promise<ListenSocket> {
  // The types know host or options, the library takes both.
  const take = app.listen.bind(app) as unknown as (
    host: string,
    port: number,
    options: number,
    done: (socket: ListenSocket | false) => void,
  ) => void;
  return new Promise((resolve, reject) => {
    take(host, port, isShared ? 0 : EXCLUSIVE_PORT, (socket) => {
      if (socket) resolve(socket);
      else
        reject(
          new ConfigError(
            'port_taken',
            `The edge cannot listen on ${host}:${port}: the port is taken or not allowed; choose another with --port.`,
          ),
        );
    });
  });
}

function countConnections(app: TemplatedApp, connections: Connections): void {
  const count = (response: HttpResponse, change: number) => {
    if (change < 0) connections.closed();
    else if (!connections.opened(performance.now())) response.close();
  };
  app.filter(count);
}

/**
 * Takes a port for a moment, as one that nobody else may have.
 *
 * A shared port (SO_REUSEPORT) is given to any process of the same user that asks for it shared: without this two fleets
 * that know nothing of each other would each get a part of the fans, and no error.
 * @param port 0 finds a free one.
 * @returns the port, which is free again. @throws {ConfigError} `port_taken`.
 */
export async function probePort(host: string, port: number): Promise<number> {
  const app = App();
  const listening = await listen(app, host, port, false);
  const free = us_socket_local_port(listening);
  us_listen_socket_close(listening);
  app.close();
  return free;
}

function serveFans(
  app: TemplatedApp,
  races: Races,
  admission: Admission,
  connections: Connections,
  origins: readonly string[] | undefined,
): void {
  app.ws<SocketData>('/races/:race/live', {
    compression: NO_COMPRESSION,
    maxPayloadLength: MAX_PAYLOAD_BYTES,
    maxBackpressure: MAX_BACKPRESSURE_BYTES,
    idleTimeout: IDLE_TIMEOUT_S,
    sendPingsAutomatically: true,
    upgrade: (response: HttpResponse, request: HttpRequest, context) => {
      const nowMs = performance.now();
      const refusal = admission.knock(nowMs, () => isAllowedOrigin(request.getHeader('origin'), origins));
      if (refusal) return refuse(response, refusal, admission.retryAfterS(nowMs, Math.random()));
      const asked = { race: request.getParameter(0) ?? '', query: request.getQuery() };
      const data: SocketData = { asked, fan: undefined };
      const [key, protocol, extensions] = ['key', 'protocol', 'extensions'].map((part) =>
        request.getHeader(`sec-websocket-${part}`),
      );
      response.upgrade(data, key!, protocol!, extensions!, context);
    },
    open: (socket: WebSocket<SocketData>) => {
      admission.fans++;
      const data = socket.getUserData();
      const { race, query } = data.asked!;
      data.asked = undefined;
      data.fan = new FanConnection(socket, races, race, query);
    },
    // A copy: the buffer dies with the callback.
    message: (socket, message, isBinary) =>
      socket.getUserData().fan?.receive(new Uint8Array(message.slice(0)), isBinary),
    ping: (socket) => socket.getUserData().fan?.pinged(),
    drain: (socket) => socket.getUserData().fan?.drained(),
    close: (socket) => {
      admission.fans--;
      connections.left();
      socket.getUserData().fan?.closed();
    },
  });
}
