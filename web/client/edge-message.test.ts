import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ProtocolError } from '../../protocol/errors.ts';
import { parseEdgeMessage } from './edge-message.ts';

it('reads what edges say', () => {
  const bye = { type: 'bye', reason: 'going_away', reconnectInMs: 12 };
  expect(parseEdgeMessage(JSON.stringify(bye))).toEqual(bye);
});

it('passes over messages of newer edges', () => {
  expect(parseEdgeMessage('{"type":"weather","rain":true}')).toBeUndefined();
});

it.each([
  '',
  'null',
  '[]',
  '{}',
  '{"type":7}',
  '{"type":"welcome"}',
  '{"type":"bye","reason":"x","reconnectInMs":-1}',
  '{"type":"repair","kind":"magic","to":"a:1","ticks":0,"bytes":0}',
  '{"type":"watching","id":1,"watch":{},"unknown":[]}',
  '{"type":"watching","id":1,"watch":[],"unknown":[],"channels":"rpm"}',
  '{"type":"watching","id":1,"watch":[],"unknown":[],"channels":[7]}',
  '{"type":"rate","id":1}',
])('refuses %s', (text) => {
  expect(() => parseEdgeMessage(text)).toThrow(ProtocolError);
});

it('throws nothing but ProtocolError', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        parseEdgeMessage(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
  );
});
