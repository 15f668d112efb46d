import { App, us_socket_local_port, type WebSocket } from 'uWebSockets.js';
import { serveFrames } from './frame-clock.ts';

// The floor that the edge is measured against: bare uWebSockets.js that sends recorded frames of the edge to everybody, one
// `send` per fan and tick, in the order in which the fans came.
const BINARY = true;

/** Where in the line a fan stands. */
interface Place {
  index: number;
}

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

app.listen('127.0.0.1', 0, (socket) => {
  if (!socket) throw new Error('the bare server cannot listen');
  serveFrames(us_socket_local_port(socket), (frames) => {
    for (let index = 0; index < line.length; index++) {
      line[index]?.send(frames[index % frames.length]!, BINARY, false);
    }
  });
});
