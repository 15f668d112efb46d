import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CrowdFan } from './crowd-fan.ts';
import { NatsDialect } from './nats-dialect.ts';

/** The part of a fan that a dialect uses. */
class Listener {
  readonly heard: string[] = [];
  readonly said: string[] = [];

  take(bytes: Buffer, at: number): void {
    this.heard.push(bytes.toString('latin1', at, at + 3));
  }

  send(_opcode: number, payload: Buffer): void {
    this.said.push(payload.toString());
  }
}

/** Gives the text to a dialect in frames that end at `cuts`, each in a buffer that is overwritten afterwards. */
function hear(text: string, cuts: readonly number[]): Listener {
  const listener = new Listener();
  const dialect = new NatsDialect('choice.7');
  const bytes = Buffer.from(text, 'latin1');
  const ends = [...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b);
  let begin = 0;
  for (const end of ends) {
    const shared = Buffer.concat([Buffer.from('??'), bytes.subarray(begin, end), Buffer.from('??')]);
    dialect.message(listener as unknown as CrowdFan, shared, 2, 2, end - begin);
    shared.fill(0x78);
    begin = end;
  }
  return listener;
}

describe('NatsDialect', () => {
  // The payload of the second message looks like operations.
  const text =
    'INFO {"server_id":"PING"}\r\nMSG choice.7 1 5\r\nabc12\r\nPING\r\nMSG choice.7 1 13\r\nPING\r\nMSG 1\r\n\r\nMSG choice.7 1 3\r\nxyz\r\n';

  it('takes each message once and answers each ping once, wherever the frames are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
        const { heard, said } = hear(text, cuts);
        expect(heard).toEqual(['abc', 'PIN', 'xyz']);
        expect(said).toEqual(['PONG\r\n']);
      }),
    );
  });

  it('waits for the end of a message', () => {
    expect(hear('MSG choice.7 1 5\r\nabc12\r', []).heard).toEqual([]);
  });

  it('subscribes to its subject, and forgets the rest of a connection before', () => {
    const listener = new Listener();
    const dialect = new NatsDialect('choice.7');
    const fan = listener as unknown as CrowdFan;
    const [half, whole] = [Buffer.from('MSG choice.7 1 5\r\nab'), Buffer.from('MSG choice.7 1 3\r\nxyz\r\n')];
    dialect.message(fan, half, 2, 0, half.length);
    dialect.opened(fan);
    dialect.message(fan, whole, 2, 0, whole.length);
    expect(listener.said).toEqual([expect.stringMatching(/^CONNECT \{.*\}\r\nSUB choice\.7 1\r\n$/)]);
    expect(listener.heard).toEqual(['xyz']);
  });
});
