import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A TCP connection to an edge that has said nothing yet. It does not close its side when the edge does. */
export async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Says a handshake on a connection. @returns what came back before anything else happened; empty when it was closed. */
export function shakeHands(socket: Socket, path = '/races/oval/live', header = ''): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (data) => resolve(data.toString()));
    socket.once('end', () => resolve(''));
    socket.once('close', () => resolve(''));
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${header}\r\n`,
    );
  });
}

/** What an edge answers to a bare handshake on a connection of its own. */
export async function handshake(port: number, header = ''): Promise<string> {
  const socket = await dial(port);
  const answer = await shakeHands(socket, undefined, header);
  socket.destroy();
  return answer;
}
