import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { serveFrames } from './frame-clock.ts';

// The same as raw-server.ts on `ws`.
const line: (WebSocket | undefined)[] = [];

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => {
  const index = line.push(socket) - 1;
  // Followed by `close`, which is what counts.
  socket.on('error', () => {});
  socket.once('close', () => {
    line[index] = undefined;
  });
});
server.on('listening', () =>
  serveFrames((server.address() as AddressInfo).port, (frames) => {
    for (let index = 0; index < line.length; index++) line[index]?.send(frames[index % frames.length]!);
  }),
);
