import { App, us_socket_local_port, type WebSocket } from 'uWebSockets.js';

// The limit that the edge is measured against: bare uWebSockets.js that has the messages ready and sends them to each fan
// as fast as its socket takes them.
const BINARY = true;
/** As the edge does: more waits for the socket to drain. */
const MAX_BUFFERED_BYTES = 64 * 1024;

interface Place {
  next: number;
}

let messages: Buffer[] = [];
let ready = new Set<WebSocket<Place>>();

function pump(): void {
  const turn = ready;
  ready = new Set();
  for (const socket of turn) {
    const place = socket.getUserData();
    if (place.next === messages.length || socket.getBufferedAmount() > MAX_BUFFERED_BYTES) continue;
    socket.send(messages[place.next++]!, BINARY, false);
    ready.add(socket);
  }
  if (ready.size > 0) setImmediate(pump);
}

function add(socket: WebSocket<Place>): void {
  if (ready.size === 0) setImmediate(pump);
  ready.add(socket);
}

const app = App();
app.ws<Place>('/races/:race/live', {
  compression: 0,
  maxBackpressure: 16 * 1024 * 1024,
  upgrade: (response, request, context) => {
    const [key, protocol, extensions] = ['key', 'protocol', 'extensions'].map((part) =>
      request.getHeader(`sec-websocket-${part}`),
    );
    response.upgrade({ next: 0 }, key!, protocol!, extensions!, context);
  },
  open: add,
  drain: add,
  close: (socket) => {
    ready.delete(socket);
  },
});

app.listen('127.0.0.1', 0, (listening) => {
  if (!listening) throw new Error('the bare server cannot listen');
  process.on('message', (recorded: string[]) => {
    messages = recorded.map((message) => Buffer.from(message, 'base64'));
    process.send!({ port: us_socket_local_port(listening) });
  });
  process.on('disconnect', () => process.exit(0));
  process.send!('ready');
});
