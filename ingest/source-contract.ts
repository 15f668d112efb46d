import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Catalogue } from '../protocol/catalogue.ts';
import type { RaceFacts } from '../protocol/document.ts';
import { TelemetryError } from '../protocol/errors.ts';
import { CAR_ID } from '../protocol/field.ts';
import { encodePackedFrame } from './packed-frame.ts';
import type { RefusalReason, Source, SourceSink } from './source.ts';

/** A source under test and what surrounds it. */
export interface OpenSource {
  readonly source: Source;
  readonly catalogue: Catalogue;
  /** Another source that cannot start, and the error that says so; left out where nothing can be in the way. */
  readonly broken?: { readonly source: Source; readonly code: string };
  /**
   * Brings the source one frame from outside, as a gateway would; the frame names its car itself. Left out by sources
   * that make their frames themselves: they have `play`.
   */
  send?(bytes: Uint8Array): Promise<unknown>;
  /** Moves race time by 500 ms. */
  play?(): void;
  /** Frees what `open` took; the source is stopped before. */
  close?(): Promise<void>;
}

interface KeptFrame {
  readonly car: string;
  readonly atMs: number;
  readonly channels: number[];
  readonly values: number[];
}

/** A sink that keeps all it is given. */
export class KeepingSink implements SourceSink {
  readonly frames: KeptFrame[] = [];
  readonly told: RaceFacts[] = [];
  readonly refused: [reason: RefusalReason, detail: string][] = [];

  frame({ car, atMs, count, channels, values }: Parameters<SourceSink['frame']>[0]): void {
    const kept = { channels: Array.from(channels.subarray(0, count)), values: Array.from(values.subarray(0, count)) };
    this.frames.push({ car, atMs, ...kept });
  }

  facts(facts: RaceFacts): void {
    this.told.push(facts);
  }

  refuse(reason: RefusalReason, detail: string): void {
    this.refused.push([reason, detail]);
  }
}

const START_MS = 1_700_000_000_000;

/** What every source must do, whatever it reads. Called once for each from a test file. */
export function describeSource(name: string, open: () => Promise<OpenSource>): void {
  describe(`the source ${name}`, () => {
    let opened: OpenSource | undefined;
    const openOne = async () => {
      opened = await open();
      return { ...opened, sink: new KeepingSink() };
    };
    /** Makes frames come: by playing, or by sending one for each of two cars. */
    const bring = async ({ send, play, catalogue }: OpenSource, sink: KeepingSink, round = 0) => {
      const before = sink.frames.length;
      play?.();
      for (const car of send ? ['07', '7'] : []) {
        const values = Array.from(catalogue.packedOrder, (_, i) => i);
        await send!(encodePackedFrame(catalogue, car, START_MS + round, values));
      }
      await vi.waitFor(() => expect(sink.frames.length).toBeGreaterThanOrEqual(before + 2));
    };
    afterEach(async () => {
      await opened?.source.stop();
      await opened?.close?.();
      opened = undefined;
    });

    it('delivers frames with a car, a time and channels of the catalogue that are not derived', async () => {
      const { source, sink, catalogue, ...rest } = await openOne();
      await source.start(sink);
      await bring({ source, catalogue, ...rest }, sink);
      expect(source.name).not.toBe('');
      for (const { car, atMs, channels, values } of sink.frames) {
        expect(car).toMatch(CAR_ID);
        expect(atMs).toBeGreaterThanOrEqual(START_MS);
        expect(channels.length).toBeGreaterThan(0);
        expect(new Set(channels).size).toBe(channels.length);
        expect(channels.filter((index) => catalogue.channels[index]?.of !== undefined)).toEqual([]);
        expect(channels.every((index) => index < catalogue.channels.length)).toBe(true);
        expect(values.every((value) => typeof value === 'number')).toBe(true);
      }
      expect(new Set(sink.frames.map(({ car }) => car)).size).toBeGreaterThan(1);
      expect(sink.refused).toEqual([]);
    });

    it('keeps the frames of each car in order', async () => {
      const { sink, ...one } = await openOne();
      await one.source.start(sink);
      for (let round = 0; round < 10; round++) await bring(one, sink, round);
      const latest = new Map<string, number>();
      for (const { car, atMs } of sink.frames) {
        expect(atMs).toBeGreaterThan(latest.get(car) ?? 0);
        latest.set(car, atMs);
      }
    });

    it('does not start twice', async () => {
      const { sink, ...one } = await openOne();
      await one.source.start(sink);
      await expect(one.source.start(sink)).rejects.toMatchObject({ name: 'SourceError', code: 'already_started' });
      await bring(one, sink);
    });

    it('stops, more than once and before it started, and then delivers nothing', async () => {
      const { sink, ...one } = await openOne();
      await one.source.stop();
      await one.source.start(sink);
      await bring(one, sink);
      await one.source.stop();
      await one.source.stop();
      const { length } = sink.frames;
      one.play?.();
      await one.send?.(encodePackedFrame(one.catalogue, '7', START_MS, [...one.catalogue.packedOrder])).catch(() => {});
      // What was on its way has had its turn when a full round of the event loop has passed.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      expect(sink.frames.length).toBe(length);
    });

    it('refuses garbage with a reason and a sentence, and goes on', async () => {
      const { sink, ...one } = await openOne();
      await one.source.start(sink);
      const { send, catalogue } = one;
      if (send) {
        const frame = (car: string, atMs: number) =>
          encodePackedFrame(catalogue, car, atMs, [...catalogue.packedOrder]);
        const garbage: [RefusalReason, Uint8Array][] = [
          ['malformed', new TextEncoder().encode('GARBAGE')],
          ['malformed', frame('7', START_MS).subarray(0, 100)],
          ['malformed', new TextEncoder().encode('{"car":"7","at":')],
          ['wrong_catalogue', frame('7', START_MS).with(4, catalogue.tag ^ 0xff)],
          ['bad_car', new TextEncoder().encode('{"car":"no such car","at":1,"values":{}}')],
          ['bad_time', frame('7', -1)],
          ['unknown_channel', new TextEncoder().encode(`{"car":"7","at":${START_MS},"values":{"nitro":1}}`)],
        ];
        for (const [i, [, bytes]] of garbage.entries()) {
          await send(bytes);
          await vi.waitFor(() => expect(sink.refused.length).toBe(i + 1));
        }
        expect(sink.refused.map(([reason]) => reason)).toEqual(garbage.map(([reason]) => reason));
        expect(sink.refused.slice(0, -1).filter(([, detail]) => !/^[A-Z].*\.$/.test(detail))).toEqual([]);
        sink.frames.length = 0;
      }
      await bring(one, sink, 1);
    });

    it('says in one sentence why it cannot start, and can be stopped all the same', async () => {
      const { broken, source, sink } = await openOne();
      if (!broken) {
        // Nothing outside can keep it from starting: then it must do so.
        await expect(source.start(sink)).resolves.toBeUndefined();
        return;
      }
      const error = await broken.source.start(sink).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TelemetryError);
      expect(error).toMatchObject({ code: broken.code, message: expect.stringMatching(/^[A-Z/].*[^.]\.$/) });
      await broken.source.stop();
      expect(sink.frames).toEqual([]);
    });
  });
}
