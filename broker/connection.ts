import { setTimeout as pause } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { BrokerError } from '../protocol/errors.ts';

export type { NatsConnection };

/** What happens to the connection after it was made. */
export type ConnectionEvent = 'connected' | 'disconnected' | 'closed';

/** Where NATS is and who we are there. */
export interface BrokerOptions {
  /** `host:port` or URL of one or more servers. */
  readonly servers: readonly string[];
  /** Shown in the server's monitoring. */
  readonly name: string;
  readonly onEvent?: (event: ConnectionEvent, detail: string) => void;
}

/** A server that is away is tried again for ever, at this pace with jitter. */
const RECONNECT_WAIT_MS = 500;

/** A server that says nothing to two pings is left for another one: within three times this, as long as a cluster needs. */
const PING_MS = 3000;

/**
 * Connects to NATS and stays connected: after a loss it comes back by itself until `close()`.
 * @throws {BrokerError} `nats_unreachable` when the first connection fails.
 */
export async function connectNats(options: BrokerOptions): Promise<NatsConnection> {
  let connection: NatsConnection;
  try {
    connection = await connect({
      servers: [...options.servers],
      name: options.name,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_WAIT_MS,
      timeout: 5000,
      pingInterval: PING_MS,
      maxPingOut: 2,
    });
  } catch (cause) {
    throw new BrokerError(
      'nats_unreachable',
      `NATS cannot be reached at ${options.servers.join(', ')} (${(cause as Error).message}); start nats-server there or name another address with --nats.`,
      { retryable: true, cause },
    );
  }
  void report(connection, options.onEvent ?? (() => {}));
  const close = connection.close.bind(connection);
  connection.close = async () => {
    // The client takes its listeners off the socket when it closes. When NATS dies in the same moment, an error of that
    // socket is under way already and would end the process: let it arrive first.
    await new Promise((resolve) => setImmediate(resolve));
    await close();
  };
  return connection;
}

/**
 * Connects to NATS as {@link connectNats}, as soon as it is there.
 * @param signal Ends the waiting: rejects with its reason.
 */
export async function awaitNats(options: BrokerOptions, signal: AbortSignal): Promise<NatsConnection> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const connection = await connectNats(options);
      if (!signal.aborted) return connection;
      await connection.close();
    } catch (error) {
      if (!(error instanceof BrokerError && error.retryable)) throw error;
      await pause(RECONNECT_WAIT_MS);
    }
  }
}

async function report(
  connection: NatsConnection,
  onEvent: (event: ConnectionEvent, detail: string) => void,
): Promise<void> {
  onEvent('connected', connection.getServer());
  for await (const status of connection.status()) {
    if (status.type === 'reconnect') onEvent('connected', status.server);
    else if (status.type === 'disconnect') onEvent('disconnected', status.server);
    else if (status.type === 'close') onEvent('closed', connection.getServer());
  }
}
