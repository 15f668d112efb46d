import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Pipe, type Wire } from './fault-pipe.ts';

/** To the one who connected to the proxy, or to the one behind it. */
export type Direction = 'toClient' | 'toServer';

/**
 * A TCP proxy on 127.0.0.1 that does to connections what networks do. Faults hold for all connections, those that are
 * open and those to come, until {@link FaultProxy.mend}; each may be set while others hold.
 */
export interface FaultProxy {
  readonly port: number;
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Connections that are open on either side. */
  readonly open: number;
  /** Connections that clients have made since the start. */
  readonly made: number;
  /** Every byte comes later by `ms` and up to `jitterMs` more, in order. */
  delay(ms: number, jitterMs?: number): void;
  /** No byte gets through; the connections stay, and senders feel it when buffers are full. Nothing is lost. */
  stall(direction?: Direction): void;
  /** So many bytes in a second for each connection. */
  throttle(bytesPerS: number, direction?: Direction): void;
  /** Connections that are open are dead for good, and nobody is told: no byte, no end, no reset. */
  cut(): void;
  /** New connections are made, and are as dead as after a {@link cut}. */
  swallow(): void;
  /** Nobody listens on the port: new connections are refused. Those that are open go on. */
  refuse(): void;
  /** Resets (RST) all open connections now. */
  reset(): void;
  /** Takes all faults away, new connections come through within a moment; what is cut stays dead. */
  mend(): void;
  stop(): Promise<void>;
}

const DIRECTIONS = ['toClient', 'toServer'] as const;

/** @param to Port on 127.0.0.1, or an address with one. @param random Uniform in [0, 1), for jitter. */
export async function startFaultProxy(to: number | string, random = Math.random): Promise<FaultProxy> {
  const target = typeof to === 'number' ? to : Number(new URL(to).port);
  const wires: Record<Direction, Wire> = { toClient: freshWire(), toServer: freshWire() };
  const links = new Set<Link>();
  let swallows = false;
  let made = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    made++;
    const link = new Link(client, target, wires, random, (gone) => links.delete(gone));
    links.add(link);
    if (swallows) link.die();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const change = (direction: Direction | undefined, what: Partial<Wire>) => {
    for (const one of direction ? [direction] : DIRECTIONS) Object.assign(wires[one], what);
    for (const link of links) link.pump();
  };
  const reset = () => {
    for (const link of links) link.reset();
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get open() {
      return links.size;
    },
    get made() {
      return made;
    },
    delay: (delayMs, jitterMs = 0) => change(undefined, { delayMs, jitterMs }),
    stall: (direction) => change(direction, { isStalled: true }),
    throttle: (bytesPerS, direction) => change(direction, { bytesPerS }),
    cut: () => {
      for (const link of links) link.die();
    },
    swallow: () => {
      swallows = true;
    },
    refuse: () => {
      if (server.listening) server.close();
    },
    reset,
    mend: () => {
      swallows = false;
      if (!server.listening) server.listen(port, '127.0.0.1');
      change(undefined, freshWire());
    },
    stop: async () => {
      reset();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

const freshWire = (): Wire => ({ delayMs: 0, jitterMs: 0, bytesPerS: Number.POSITIVE_INFINITY, isStalled: false });

/** One connection: the client's side, the server's side, and a pipe each way. */
class Link {
  readonly #sides: readonly [Socket, Socket];
  readonly #pipes: readonly [Pipe, Pipe];
  #isDead = false;

  constructor(
    client: Socket,
    target: number,
    wires: Readonly<Record<Direction, Wire>>,
    random: () => number,
    onGone: (link: Link) => void,
  ) {
    const server = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.#sides = [client, server];
    this.#pipes = [new Pipe(client, server, wires.toServer, random), new Pipe(server, client, wires.toClient, random)];
    for (const side of this.#sides) {
      side.on('error', () => this.#isDead || this.reset());
      side.once('close', () => {
        // One side without the other is of no use: whatever was under way has been written by now.
        if (!this.#isDead) for (const one of this.#sides) one.destroy();
        if (this.#sides.every((one) => one.destroyed)) onGone(this);
      });
    }
  }

  pump(): void {
    for (const pipe of this.#pipes) pipe.pump();
  }

  die(): void {
    this.#isDead = true;
    for (const pipe of this.#pipes) pipe.die();
  }

  reset(): void {
    for (const side of this.#sides) if (!side.destroyed) side.resetAndDestroy();
  }
}
