import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { FRAME, readFrameHead } from '../protocol/frames.ts';

/**
 * What becomes of a tick frame that comes as a message of its own: the messages that go on in its place.
 * @param tick Its number.
 */
export type Tampering = (frame: Buffer, tick: number) => readonly Buffer[];

const BINARY = 2;

/** A proxy before an edge that is not to be trusted: it proves that whoever checks finds what is wrong. */
export async function startFrameRelay(
  edgeUrl: string,
  tamper: Tampering,
): Promise<{ url: string; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const edge = connect(Number(new URL(edgeUrl).port), '127.0.0.1');
    for (const socket of [client, edge]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        edge.destroy();
      });
    }
    client.pipe(edge);
    relay(edge, client, tamper);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** Frames of an edge are whole and not masked (RFC 6455, section 5.2). */
function relay(edge: Socket, client: Socket, tamper: Tampering): void {
  let rest = Buffer.alloc(0);
  let isUpgraded = false;
  edge.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    if (!isUpgraded) {
      const end = rest.indexOf('\r\n\r\n');
      // Plain HTTP, such as the catalogue, goes on as it is.
      if (!rest.toString('latin1', 0, 12).startsWith('HTTP/1.1 101')) {
        client.write(rest);
        rest = Buffer.alloc(0);
        return;
      }
      if (end < 0) return;
      isUpgraded = true;
      client.write(rest.subarray(0, end + 4));
      rest = rest.subarray(end + 4);
    }
    for (let length = frameLength(rest); length > 0 && length <= rest.length; length = frameLength(rest)) {
      const frame = rest.subarray(0, length);
      const payload = frame.subarray(headLength(frame));
      const isTick = (frame[0]! & 15) === BINARY && payload[0] === FRAME.tick;
      if (!isTick) client.write(frame);
      else for (const one of tamper(payload, readFrameHead(payload).tick)) client.write(binaryFrame(one));
      rest = rest.subarray(length);
    }
  });
}

const headLength = (bytes: Buffer): number => (bytes[1]! < 126 ? 2 : bytes[1] === 126 ? 4 : 10);

/** Of the frame at the beginning; 0 when its head is not there. */
function frameLength(bytes: Buffer): number {
  if (bytes.length < 2 || bytes.length < headLength(bytes)) return 0;
  const short = bytes[1]!;
  const head = headLength(bytes);
  return head + (short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2)));
}

function binaryFrame(payload: Buffer): Buffer {
  const { length } = payload;
  const head = length < 126 ? [0x80 | BINARY, length] : [0x80 | BINARY, 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), payload]);
}
