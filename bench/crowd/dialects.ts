import { BUNDLE, readBundle } from '../../protocol/bundle.ts';
import type { EdgeMessage } from '../../protocol/control.ts';
import type { CrowdFan, Dialect } from './crowd-fan.ts';
import { NatsDialect } from './nats-dialect.ts';
import type { CrowdPlan } from './plan.ts';
import { OPCODE } from './web-socket-reader.ts';

/** All a fan has to say stands in the address: protocol/PROTOCOL.md. */
const EDGE: Dialect = {
  opened: () => {},
  message: (fan, bytes, opcode, at, length) => {
    if (opcode === OPCODE.binary && bytes[at] === BUNDLE)
      for (const frame of readBundle(bytes.subarray(at, at + length)))
        fan.take(bytes, frame.byteOffset - bytes.byteOffset, frame.length);
    else if (opcode === OPCODE.binary) fan.take(bytes, at, length);
    else if (opcode === OPCODE.text) hear(fan, JSON.parse(bytes.toString('utf8', at, at + length)) as EdgeMessage);
  },
};

function hear(fan: CrowdFan, message: EdgeMessage): void {
  if (message.type === 'welcome') {
    fan.windowMs = message.reconnectWindowMs;
    fan.events.welcome(fan, message.epoch);
  } else if (message.type === 'repair') fan.events.receipt(fan, message);
  else if (message.type === 'bye') fan.events.bye(fan, message.reconnectInMs);
}

const [OPEN, PING] = [0x30, 0x32];
const [CONNECT, PONG] = [Buffer.from('40'), Buffer.from('3')];

/**
 * Engine.IO 4 with Socket.IO 5: `0{…}` opens and is answered by `40`, `2` is a ping and is answered by `3`. An event with bytes
 * comes as the text `451-[…]`, then the bytes alone.
 */
const SOCKET_IO: Dialect = {
  opened: () => {},
  message: (fan, bytes, opcode, at, length) => {
    if (opcode === OPCODE.binary) fan.take(bytes, at, length);
    else if (bytes[at] === OPEN) fan.send(OPCODE.text, CONNECT);
    else if (bytes[at] === PING) fan.send(OPCODE.text, PONG);
  },
};

/** The dialect of one fan. */
export function createDialect({ rival }: CrowdPlan, fan: number): Dialect {
  if (!rival) return EDGE;
  return rival.speaks === 'socket.io' ? SOCKET_IO : new NatsDialect(`choice.${fan % rival.subjects}`);
}
