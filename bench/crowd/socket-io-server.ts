import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { serveFrames } from './frame-clock.ts';

// The same as raw-server.ts on Socket.IO, with a room for each choice: it encodes an event once per room.
// Argument: how many choices there are.
const choices = Number(process.argv[2]);
let fans = 0;

const http = createServer();
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });
io.engine.on('connection', (connection: { request: unknown }) => {
  // As Socket.IO's page on memory usage recommends.
  connection.request = null;
});
io.on('connection', (socket) => {
  void socket.join(String(fans++ % choices));
});
http.listen(0, '127.0.0.1', () =>
  serveFrames((http.address() as AddressInfo).port, (frames) => {
    for (const [choice, frame] of frames.entries()) io.to(String(choice)).emit('tick', frame);
  }),
);
