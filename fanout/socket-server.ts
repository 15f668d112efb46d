import {
  App,
  type HttpRequest,
  type HttpResponse,
  type TemplatedApp,
  us_listen_socket_close,
  us_socket_local_port,
  type WebSocket,
} from 'uWebSockets.js';
import { ConfigError } from '../protocol/errors.ts';
import type { Admission } from './admission.ts';
import type { Connections } from './connections.ts';
import { EventStreams } from './event-streams.ts';
import type { Fan } from './fan.ts';
import { FanConnection } from './fan-connection.ts';
import { receiveQuery } from './fan-messages.ts';
import type { FanSet } from './fan-set.ts';
import { type HttpOptions, isAllowedOrigin, serve } from './http-shell.ts';
import { refuse } from './refusal.ts';
import { serveSession } from './session-shell.ts';
import type { Sessions } from './sessions.ts';
import { SocketSink } from './socket-sink.ts';

/** uWebSockets.js types its constants as types. */
const NO_COMPRESSION = 0;
const EXCLUSIVE_PORT = 1;
/** Largest message that is read at all; above the limit of the protocol, so that it can be refused with a code. */
const MAX_PAYLOAD_BYTES = 64 * 1024;
/** We stop long before: beyond this a message would be dropped, which closes the fan. */
const MAX_BACKPRESSURE_BYTES = 16 * 1024 * 1024;
/** A network may stall for half a minute without costing the connection. */
const IDLE_TIMEOUT_S = 120;
/** What the handshake said, until the socket is open; then the fan. */
interface SocketData {
  asked: { readonly race: string; readonly query: string } | undefined;
  fan: FanConnection | undefined;
}

/** A server that takes connections. */
export interface SocketServer {
  readonly port: number;
  /** Takes no more connections; those that there are go on. */
  close(): void;
  /** Ends all connections. */
  end(): void;
}

/**
 * Serves fans over WebSockets and streams of events, and everybody else over HTTP.
 * @param isShared Other processes may take connections of the same port.
 * @throws {ConfigError} `port_taken`.
 */
export async function startSocketServer(
  { host, port, isShared }: { host: string; port: number; isShared: boolean },
  admission: Admission,
  connections: Connections,
  http: HttpOptions,
  sessions: Sessions,
): Promise<SocketServer> {
  const app = App();
  countConnections(app, connections);
  serveFans(app, admission, connections, http, sessions);
  const streams = new EventStreams(admission, http);
  app.get('/races/:race/events', (response, request) => streams.get(response, request));
  app.post('/races/:race/events', (response, request) => streams.post(response, request));
  app.any('/session', (response, request) => void serveSession(response, request, http, sessions));
  app.any('/*', (response, request) => void serve(response, request, http));
  const listening = await listen(app, host, port, isShared);
  return {
    port: us_socket_local_port(listening),
    close: () => us_listen_socket_close(listening),
    end: () => app.close(),
  };
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

function countConnections(app: TemplatedApp, connections: Connections): void {
  const count = (response: HttpResponse, change: number) => {
    if (change < 0) connections.closed();
    else if (!connections.opened(performance.now())) response.close();
  };
  app.filter(count);
}

function serveFans(
  app: TemplatedApp,
  admission: Admission,
  connections: Connections,
  { races, origins }: HttpOptions,
  sessions: Sessions,
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
      const begin = (fans: FanSet, fan: Fan, nowMs: number) => receiveQuery(fans, fan, query, nowMs);
      data.fan = new FanConnection(new SocketSink(socket), races, race, begin, sessions);
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
