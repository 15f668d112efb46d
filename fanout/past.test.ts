import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Past } from './past.ts';
import { RaceState } from './race-state.ts';
import { RaceWriter } from './testing/publisher.ts';

type Take = Parameters<ConstructorParameters<typeof Past>[1]>[2];

/** A race in a stream, an edge that follows it with a ring of 30 ticks, and reads that are answered when told. */
function stage(
  ticks: number,
  { firstSeq = 1, writer = new RaceWriter({ cars: 4 }), before = [] as Uint8Array[], textEvery = 0 } = {},
) {
  const log = [...before];
  /** By tick, the sequence of its message. */
  const seqOf = new Map<number, number>();
  while (writer.tick < ticks - 1) {
    for (const { kind, bytes } of writer.tick < 0 ? [writer.nextTick(), writer.keyframe()] : writer.next()) {
      log.push(bytes);
      if (kind === 'tick') seqOf.set(writer.tick, log.length);
    }
    if (writer.tick % textEvery === 3) log.push(new TextEncoder().encode('{"offset":0}'));
  }
  const state = new RaceState(writer.catalogue, 30);
  for (const [index, bytes] of log.entries()) state.apply(index + 1, bytes);
  const asked: { first: number; last: number; take: Take }[] = [];
  let told = 0;
  const past = new Past(
    state,
    (first, last, take) => asked.push({ first, last, take }),
    () => told++,
  );
  const stored = (first: number, last: number) =>
    log
      .slice(first - 1, last)
      .map((data, index) => ({ seq: first + index, data }))
      .filter(({ seq }) => seq >= firstSeq);
  const answer = () => {
    for (const { first, last, take } of asked.splice(0)) {
      const messages = stored(first, last);
      take(messages.slice(0, 5), false, 0);
      take(messages.slice(5), true, 0);
    }
  };
  const settle = <T>(look: () => T): Exclude<T, 'unread'> => {
    for (let found = look(); ; found = look()) {
      if (found !== 'unread') return found as Exclude<T, 'unread'>;
      answer();
    }
  };
  return { writer, log, state, past, asked, answer, settle, seqOf, told: () => told };
}

const RACE = stage(3000);

describe('what the stream holds before the ring', () => {
  it('is the truth at every position, whoever asks in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2969 }), { maxLength: 20 }), (ticks) => {
        for (const tick of ticks) {
          const seq = RACE.seqOf.get(tick)!;
          const entry = RACE.settle(() => RACE.past.at(seq));
          expect(entry).toMatchObject({ tick, field: RACE.writer.fields.get(tick) });
          // Of a position between two ticks it is the tick before.
          expect(RACE.settle(() => RACE.past.at(RACE.seqOf.get(tick + 1)! - 1))).toMatchObject({ tick });
        }
      }),
    );
  });

  it('is known in between logs and catalogues, which are text', () => {
    const race = stage(300, { textEvery: 7 });
    for (const [tick, seq] of race.seqOf) {
      if (tick === 0 || tick >= 269) continue;
      expect(race.settle(() => race.past.at(seq))).toMatchObject({ tick, field: race.writer.fields.get(tick) });
    }
  });

  it('leads without a hole from any tick into the ring', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2969 }), (from) => {
        let tick = from;
        while (!RACE.state.ring.byTick(tick)) {
          const run = RACE.settle(() => RACE.past.from(tick, RACE.seqOf.get(tick)!));
          if (run === 'gone') throw new Error(`tick ${tick} is gone`);
          expect(run.map((entry) => entry.tick)).toEqual(Array.from({ length: run.length }, (_, n) => tick + n));
          expect(run.length).toBeGreaterThan(1);
          for (const entry of run) expect(entry.field).toEqual(RACE.writer.fields.get(entry.tick));
          tick = run.at(-1)!.tick;
        }
      }),
      { numRuns: 20 },
    );
  });

  it('is read once for all who ask for it', () => {
    const { past, asked, answer, seqOf, told } = stage(600);
    for (let n = 0; n < 1000; n++) expect(past.at(seqOf.get(10 + (n % 20))!)).toBe('unread');
    expect(asked).toHaveLength(1);
    answer();
    expect(told()).toBe(1);
    for (let n = 0; n < 1000; n++) expect(past.at(seqOf.get(10 + (n % 20))!)).toMatchObject({ tick: 10 + (n % 20) });
    expect(asked).toEqual([]);
  });

  it('is read in few pieces at a time, however much is asked for', () => {
    const { past, asked, answer, seqOf } = stage(3000);
    for (let tick = 1; tick < 2900; tick += 7) past.at(seqOf.get(tick)!);
    for (let rounds = 0; asked.length > 0; rounds++) {
      expect(asked.length).toBeLessThanOrEqual(2);
      for (const { first, last } of asked) expect(last - first).toBeLessThan(400);
      expect(rounds).toBeLessThan(40);
      answer();
    }
    expect(past.at(seqOf.get(1)!)).toMatchObject({ tick: 1 });
  });

  it('is read again for a position that the stream did not have the first time', () => {
    const { past, settle, seqOf, state, writer, log } = stage(60);
    expect(settle(() => past.at(seqOf.get(10)!))).toMatchObject({ tick: 10 });
    for (let tick = 60; tick < 100; tick++) {
      for (const { bytes } of writer.next()) state.apply(log.push(bytes), bytes);
    }
    expect(past.at(seqOf.get(59)! + 3)).toBe('unread');
    expect(settle(() => past.at(state.seq))).toMatchObject({ tick: writer.tick });
  });

  it('that was forgotten by the stream is gone, and so is what was before the epoch', () => {
    const short = stage(1500, { firstSeq: 1000 });
    expect(short.settle(() => short.past.at(900))).toBe('gone');
    expect(short.settle(() => short.past.from(600, 900))).toBe('gone');
    expect(short.settle(() => short.past.at(1100))).toMatchObject({ tick: expect.any(Number) });
    const writer = new RaceWriter({ cars: 4, epoch: '00000000000000bb' });
    const second = stage(600, { writer, before: Array.from({ length: 1000 }, () => new Uint8Array(30)) });
    expect(second.settle(() => second.past.at(900))).toBe('gone');
    expect(second.settle(() => second.past.at(second.seqOf.get(5)!))).toMatchObject({ tick: 5 });
  });

  it('that cannot be read now is asked for again, after a pause', () => {
    const { past, asked, seqOf, settle } = stage(600);
    const seq = seqOf.get(10)!;
    past.at(seq);
    asked.pop()!.take(undefined, true, 1000);
    past.at(seq);
    expect(asked).toEqual([]);
    past.sweep(1499);
    expect(asked).toEqual([]);
    past.sweep(1500);
    expect(asked).toHaveLength(1);
    expect(settle(() => past.at(seq))).toMatchObject({ tick: 10 });
  });

  it('is forgotten when nobody has asked for half a minute', () => {
    const { past, settle, seqOf } = stage(600);
    const seq = seqOf.get(10)!;
    settle(() => past.at(seq));
    past.sweep(29_999);
    expect(past.at(seq)).not.toBe('unread');
    past.sweep(60_000);
    expect(past.at(seq)).toBe('unread');
  });
});
