import { App, us_socket_local_port, type WebSocket } from 'uWebSockets.js';

// The floor that the edge is measured against: bare uWebSockets.js that sends recorded frames of the edge to everybody, one
// `send` per fan and tick, in the order in which the fans came. Only the tick and the close time are written anew.
const TICK_MS = 500;
const BINARY = true;

/** Where in the line a fan stands. */
interface Place {
  index: number;
}

let frames: Buffer[][] = [];
const line: (WebSocket<Place> | undefined)[] = [];

const app = App();
app.ws<Place>('/races/:race/live', {
  compression: 0,
  idleTimeout: 120,
  maxBackpressure: 16 * 1024 * 1024,
  open: (socket) => {
    socket.getUserData().index = line.push(socket) - 1;
    socket.send('{"type":"welcome","epoch":"raw","reconnectWindowMs":1000}', false, false);
  },
  close: (socket) => {
    line[socket.getUserData().index] = undefined;
  },
});

function sendTick(tick: number, closeAtMs: number): void {
  const current = frames.map((ticks) => ticks[tick % ticks.length]!);
  for (const frame of current) {
    frame.writeUInt32LE(tick, 2);
    frame.writeUIntLE(closeAtMs, 6, 6);
  }
  for (let index = 0; index < line.length; index++) {
    line[index]?.send(current[index % current.length]!, BINARY, false);
  }
}

let port = 0;
let tick = 0;
function arm(): void {
  const closeAtMs = (Math.floor(Date.now() / TICK_MS) + 1) * TICK_MS;
  setTimeout(() => {
    sendTick(tick++, closeAtMs);
    arm();
  }, closeAtMs - Date.now());
}

process.on('message', (recorded: string[][]) => {
  frames = recorded.map((ticks) => ticks.map((frame) => Buffer.from(frame, 'base64')));
  process.send!({ port, tick });
});
process.on('disconnect', () => process.exit(0));
app.listen('127.0.0.1', 0, (socket) => {
  if (!socket) throw new Error('the bare server cannot listen');
  port = us_socket_local_port(socket);
  arm();
  process.send!('ready');
});
