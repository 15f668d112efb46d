import { describe, expect, it } from 'vitest';
import { SessionDoor } from './session-door.ts';

const LIMITS = { requestsPerSecond: 100, madePerSecond: 10, savesPerSecond: 3, devices: 4 };
const countOf = (times: number, act: (n: number) => boolean) =>
  Array.from({ length: times }, (_, n) => act(n)).filter(Boolean).length;

describe('the door of the sessions', () => {
  it('lets as many questions in as NATS is to answer, and later as many again', () => {
    const door = new SessionDoor(LIMITS);
    expect(countOf(10_000, () => door.mayAsk(0))).toBe(100);
    expect(door.tally).toEqual({ asked: 100, refused: 9900 });
    expect(countOf(10_000, () => door.mayAsk(500))).toBe(50);
  });

  it('counts the saves of each session on its own', () => {
    const door = new SessionDoor(LIMITS);
    expect(countOf(10, () => door.maySave('a', false, 0))).toBe(3);
    expect(countOf(10, () => door.maySave('b', false, 0))).toBe(3);
    expect(countOf(10, () => door.maySave('a', false, 1000))).toBe(3);
  });

  it('lets fewer sessions be made than saved', () => {
    const door = new SessionDoor(LIMITS);
    expect(countOf(50, (n) => door.maySave(`new${n}`, true, 0))).toBe(10);
    expect(countOf(50, (n) => door.maySave(`old${n}`, false, 0))).toBe(50);
  });

  it('takes nothing from anybody for what it does not let in', () => {
    const door = new SessionDoor(LIMITS);
    expect(countOf(1000, () => door.maySave('a', true, 0))).toBe(3);
    expect(countOf(1000, () => door.mayAsk(0))).toBe(97);
  });

  it('remembers a bounded number of sessions', () => {
    const door = new SessionDoor({ ...LIMITS, requestsPerSecond: 1e6 });
    expect(countOf(5, () => door.maySave('first', false, 0))).toBe(3);
    for (let n = 0; n < 4096; n++) door.maySave(`key${n}`, false, 0);
    expect(door.maySave('first', false, 0)).toBe(true);
    expect(countOf(5, () => door.maySave('key4095', false, 0))).toBe(2);
  });
});
