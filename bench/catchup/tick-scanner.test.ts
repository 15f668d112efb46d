import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BundleWriter } from '../../protocol/bundle.ts';
import { encodeTickFrame } from '../../protocol/frames.ts';
import { TickScanner } from './tick-scanner.ts';

const frameOf = (tick: number, bytes: number) =>
  encodeTickFrame({ flags: 4, tick, closeAtMs: 1000 + tick, seq: 10 * tick }, 1, [new Uint8Array(bytes)]);

/** RFC 6455, section 5.2. */
function webSocketFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const head =
    length < 126
      ? [length]
      : length < 65536
        ? [126, length >> 8, length & 255]
        : [127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255];
  return Uint8Array.of(0x80 | opcode, ...head, ...payload);
}

const message = fc.oneof(
  fc.record({ kind: fc.constant('text' as const), bytes: fc.nat(400) }),
  fc.record({ kind: fc.constant('tick' as const), bytes: fc.nat(400) }),
  fc.record({ kind: fc.constant('bundle' as const), bytes: fc.nat(900), frames: fc.nat(100) }),
);

it('sees every tick, in whatever pieces the bytes come', () => {
  const writer = new BundleWriter();
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 5000 })),
      fc.nat(1),
      (list, cuts, skip) => {
        let tick = 5;
        let messageBytes = 0;
        const sent: number[] = [];
        for (const one of list) {
          let payload = new Uint8Array(one.bytes);
          if (one.kind === 'tick') payload = frameOf(++tick, one.bytes) as Uint8Array<ArrayBuffer>;
          if (one.kind === 'bundle') {
            writer.start();
            for (let n = 0; n < one.frames; n++) writer.add(frameOf(++tick, one.bytes));
            payload = writer.finish() as Uint8Array<ArrayBuffer>;
          }
          messageBytes += payload.length;
          for (const byte of webSocketFrame(one.kind === 'text' ? 1 : 2, payload)) sent.push(byte);
        }
        const scanner = new TickScanner(5 + skip);
        const bytes = Uint8Array.from(sent);
        let at = 0;
        for (const cut of cuts) {
          scanner.take(bytes.subarray(at, at + cut));
          at += cut;
        }
        if (at < bytes.length) scanner.take(bytes.subarray(at));
        expect(scanner.messageBytes).toBe(messageBytes);
        if (tick === 5) return;
        expect(scanner.tick).toBe(tick);
        expect(scanner.wrong).toBe(skip);
      },
    ),
  );
});
