import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NatsProcess } from './nats-process.ts';
import type { SmallDisk } from './small-disk.ts';

/** A real nats-server with JetStream on a port of 127.0.0.1 that nobody else has, for tests and benches. */
export interface TestNatsServer {
  /** `nats://127.0.0.1:<port>`; the same after a restart. */
  readonly url: string;
  readonly port: number;
  /** Process id of the running server, `undefined` while it is down. */
  readonly pid: number | undefined;
  /** Ends the server at once (SIGKILL), as a crash would; its port and its data are kept for {@link restart}. */
  kill(): Promise<void>;
  /**
   * Starts the server again on the same port and data, after ending it in good order if it still runs.
   * @param options.wipe Lose all data first, as a new disk would. @defaultValue false
   */
  restart(options?: { wipe?: boolean }): Promise<void>;
  /** Lets the server stand still (SIGSTOP): its sockets stay open, and nobody answers. */
  pause(): void;
  /** Lets it go on after {@link pause}. */
  resume(): void;
  /** Ends the server and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts a nats-server and resolves when it accepts clients and JetStream is up.
 *
 * The caller must `stop()` it; a server whose test process exits without doing so is ended with the process.
 *
 * @param options.disk Where its streams are kept; stays the caller's. @defaultValue a folder of its own
 * @param options.config Lines added to the server's configuration file, such as `max_payload: 2MB`.
 * @param options.port A free one that stays free while the server is down. @defaultValue any
 * @throws {Error} when no binary is found or the server does not come up; the message holds its last lines.
 */
export async function startNatsServer(
  options: { config?: string; port?: number; disk?: Pick<SmallDisk, 'folder' | 'enter'> } = {},
): Promise<TestNatsServer> {
  const dir = mkdtempSync(join(tmpdir(), 'slipstream-nats-'));
  const storeDir = join(options.disk?.folder ?? dir, 'store');
  // By itself it would take three quarters of a small disk at most, and never be surprised by its end.
  const limit = options.disk ? ', max_file_store: 1TB' : '';
  const server = new NatsProcess(options.disk ? { enter: options.disk.enter } : {});
  const forget = () => rmSync(dir, { recursive: true, force: true });
  process.once('exit', forget);
  const launch = (port: number) => {
    const store = `jetstream { store_dir: ${JSON.stringify(storeDir)}${limit} }`;
    const file = join(dir, 'nats.conf');
    writeFileSync(file, `listen: "127.0.0.1:${port}"\n${store}\n${options.config ?? ''}\n`);
    return server.launch(file);
  };
  const stop = async () => {
    await server.stop();
    process.removeListener('exit', forget);
    forget();
  };

  let port: number;
  try {
    port = await launch(options.port ?? -1);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid;
    },
    kill: () => server.end('SIGKILL'),
    pause: () => server.pause(),
    resume: () => server.resume(),
    async restart({ wipe = false } = {}) {
      await server.end('SIGTERM');
      if (wipe) rmSync(storeDir, { recursive: true, force: true });
      await launch(port);
    },
    stop,
  };
}
