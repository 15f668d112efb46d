import { connect, type Socket } from 'node:net';
import { TickScanner } from './tick-scanner.ts';

/** What the fans of a process have read when all of them hold the newest tick. */
export interface CatchupReport {
  readonly bytes: number;
  readonly wrong: number;
  /** From the first handshake to the last tick of the last fan, ms. */
  readonly tookMs: number;
  /** By fan, from its handshake to its last tick, ms. */
  readonly fanMs: readonly number[];
}

// Arguments: port, path, number of fans, the tick that they hold, the newest tick.
const [port, path, fans, heldTick, newestTick] = process.argv.slice(2);
const SHARED = Buffer.alloc(1024 * 1024);
const IN_FLIGHT = 200;

/** One fan, from its handshake until it holds the newest tick; the connection stays open. */
function catchUp(sockets: Socket[]): Promise<{ tookMs: number; scanner: TickScanner }> {
  return new Promise((resolve, reject) => {
    const scanner = new TickScanner(Number(heldTick));
    const startedAtMs = performance.now();
    let isUpgraded = false;
    const onBytes = (length: number) => {
      let bytes = SHARED.subarray(0, length);
      if (!isUpgraded) {
        const end = bytes.indexOf('\r\n\r\n');
        if (end < 0 || !bytes.toString('latin1', 0, 12).startsWith('HTTP/1.1 101')) {
          reject(new Error(`The handshake was answered with ${bytes.toString('latin1', 0, 60)}`));
          return;
        }
        isUpgraded = true;
        bytes = bytes.subarray(end + 4);
      }
      scanner.take(bytes);
      if (scanner.tick === Number(newestTick)) resolve({ tookMs: performance.now() - startedAtMs, scanner });
    };
    const socket = connect({
      host: '127.0.0.1',
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: SHARED,
        callback: (length) => {
          onBytes(length);
          return true;
        },
      },
    });
    socket.once('connect', () =>
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      ),
    );
    socket.once('error', reject);
    socket.once('close', () =>
      reject(new Error('The server closed the connection of a fan that had not got everything.')),
    );
    sockets.push(socket);
  });
}

async function run(): Promise<CatchupReport> {
  const sockets: Socket[] = [];
  const done: Promise<{ tookMs: number; scanner: TickScanner }>[] = [];
  const startedAtMs = performance.now();
  for (let n = 0; n < Number(fans); n++) {
    done.push(catchUp(sockets));
    // More handshakes at once than a listen queue holds wait for a second.
    if (n % IN_FLIGHT === IN_FLIGHT - 1) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const results = await Promise.all(done);
  const tookMs = performance.now() - startedAtMs;
  for (const socket of sockets) socket.destroy();
  return {
    bytes: results.reduce((sum, { scanner }) => sum + scanner.messageBytes, 0),
    wrong: results.reduce((sum, { scanner }) => sum + scanner.wrong, 0),
    tookMs,
    fanMs: results.map((result) => result.tookMs),
  };
}

process.on('message', () => void run().then((report) => process.send!(report)));
process.on('disconnect', () => process.exit(0));
process.send!('ready');
