import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Catalogue } from '../protocol/catalogue.ts';
import { SourceError } from '../protocol/errors.ts';
import { createFrameDecoder } from './frame-decoder.ts';
import type { Source } from './source.ts';

export interface UdpOptions {
  /** 0 lets the system choose; see {@link UdpSource.port}. */
  readonly port: number;
  /** Address to listen on. Beyond loopback anybody who can reach it can send frames. @defaultValue 127.0.0.1 */
  readonly host?: string;
  /** Receive buffer asked of the system, bytes; a burst beyond it is lost in silence. @defaultValue 4194304 */
  readonly receiveBufferBytes?: number;
}

export interface UdpSource extends Source {
  /** Where it listens once started; before that, the port asked for. */
  readonly port: number;
}

/** Frames by UDP: one datagram is one frame, packed or named, that names its car itself. */
export function createUdpSource(catalogue: Catalogue, options: UdpOptions): UdpSource {
  const { port, host = '127.0.0.1', receiveBufferBytes = 4 * 1024 * 1024 } = options;
  const address = host.includes(':') ? `[${host}]` : host;
  let socket: Socket | undefined;
  let boundPort = port;
  return {
    get name() {
      return `udp ${address}:${boundPort}`;
    },
    get port() {
      return boundPort;
    },
    kind: 'live',
    async start(sink) {
      if (socket)
        throw new SourceError('already_started', `The source udp ${address}:${boundPort} is already started.`);
      const decoder = createFrameDecoder(catalogue);
      const opening = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: receiveBufferBytes });
      socket = opening;
      opening.on('message', (bytes) => {
        if (socket === opening) decoder.decode(bytes, {}, sink);
      });
      try {
        opening.bind(port, host);
        await once(opening, 'listening');
      } catch (cause) {
        socket = undefined;
        opening.close();
        throw cannotListen(`${address}:${port}`, cause);
      }
      // What the system reports later, such as an unreachable peer, concerns one datagram and must not end us.
      opening.on('error', (error) => sink.refuse('malformed', `The UDP socket reported ${error.message}.`));
      boundPort = opening.address().port;
    },
    async stop() {
      const closing = socket;
      if (!closing) return;
      socket = undefined;
      const closed = once(closing, 'close');
      closing.close();
      await closed;
    },
  };
}

/** The sentence for a port that cannot be had, for every source that listens. */
export function cannotListen(address: string, cause: unknown): SourceError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const sentence =
    {
      EADDRINUSE: `Port ${address} is taken: stop what listens there or choose another port.`,
      EACCES: `Port ${address} is not allowed to this user: choose one above 1023.`,
      EADDRNOTAVAIL: `Address ${address} is not an address of this machine: choose one that is.`,
    }[code ?? ''] ?? `Cannot listen on ${address} (${message}): choose another address.`;
  return new SourceError('cannot_listen', sentence, { cause });
}
