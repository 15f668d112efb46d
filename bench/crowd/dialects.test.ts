import { describe, expect, it } from 'vitest';
import type { CrowdFan } from './crowd-fan.ts';
import { createDialect } from './dialects.ts';
import { type CrowdPlan, fanPath } from './plan.ts';
import { OPCODE } from './web-socket-reader.ts';

const PLAN = { url: '', race: 'r', cars: ['1'], carsPerFan: 1, view: 'full', choices: 'random', doc: true } as const;
const SOCKET_IO: CrowdPlan = { ...PLAN, returns: false, rival: { speaks: 'socket.io' } };
const NATS: CrowdPlan = { ...PLAN, returns: false, rival: { speaks: 'nats', subjects: 40 } };

/** What a fan with id 43 says and takes when it hears a frame. */
function hear(plan: CrowdPlan, opcode: number, text: string): string[] {
  const done: string[] = [];
  const fan = {
    send: (_opcode: number, payload: Buffer) => done.push(`says ${payload}`),
    take: (bytes: Buffer, at: number) => done.push(`takes ${bytes.toString('latin1', at)}`),
  } as unknown as CrowdFan;
  createDialect(plan, 43).message(fan, Buffer.from(`??${text}`), opcode, 2, text.length);
  return done;
}

describe('the dialect of Socket.IO', () => {
  it.each([
    ['the opening of Engine.IO', OPCODE.text, '0{"sid":"a","pingInterval":25000}', ['says 40']],
    ['a ping of Engine.IO', OPCODE.text, '2', ['says 3']],
    ['the acknowledged connection', OPCODE.text, '40{"sid":"b"}', []],
    ['the event before its bytes', OPCODE.text, '451-["tick",{"_placeholder":true,"num":0}]', []],
    ['the bytes of an event', OPCODE.binary, 'tick', ['takes tick']],
  ])('answers %s', (_what, opcode, text, done) => {
    expect(hear(SOCKET_IO, opcode, text)).toEqual(done);
  });
});

describe('a fan of an edge', () => {
  const plan: CrowdPlan = { ...PLAN, returns: false };

  it('takes a frame, and each frame of a bundle', () => {
    expect(hear(plan, OPCODE.binary, '\x11one')).toEqual(['takes \x11one']);
    expect(hear(plan, OPCODE.binary, '\x13\x03one\x03two')).toEqual(['takes one\x03two', 'takes two']);
  });

  it('hears when to leave', () => {
    const byes: number[] = [];
    const fan = { events: { bye: (_fan: CrowdFan, ms: number) => byes.push(ms) } } as unknown as CrowdFan;
    const text = '{"type":"bye","reason":"going_away","reconnectInMs":70}';
    createDialect(plan, 43).message(fan, Buffer.from(text), OPCODE.text, 0, text.length);
    expect(byes).toEqual([70]);
  });
});

describe('a fan of nats-server', () => {
  it('shares its subject with others', () => {
    const said: string[] = [];
    const fan = { send: (_opcode: number, payload: Buffer) => said.push(payload.toString()) } as unknown as CrowdFan;
    createDialect(NATS, 43).opened(fan);
    expect(said.join()).toContain('SUB choice.3 1\r\n');
  });
});

describe('fanPath', () => {
  it('says where each server takes fans', () => {
    expect(fanPath({ ...PLAN, returns: false }, 1, 'a:5')).toBe('/races/r/live?watch=1:full&since=a:5');
    const history = 'all';
    expect(fanPath({ ...PLAN, returns: true, history }, 1, undefined)).toBe('/races/r/live?watch=1:full&history=all');
    expect(fanPath(SOCKET_IO, 1, undefined)).toBe('/socket.io/?EIO=4&transport=websocket');
    expect(fanPath(NATS, 1, undefined)).toBe('/');
  });
});
