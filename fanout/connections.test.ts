import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Connections } from './connections.ts';

const SPARE = 4;
const OTHERS = 5;
const MOST = 10;

/** What a process holds, as the operating system would count it. */
class Process {
  open = 0;
  lingering = 0;
  counts = 0;
  readonly connections = new Connections(MOST, SPARE, OTHERS, () => {
    this.counts++;
    return OTHERS + this.open + this.lingering;
  });

  connect(nowMs: number): boolean {
    this.open++;
    const mayStay = this.connections.opened(nowMs);
    if (!mayStay) this.hangUp();
    return mayStay;
  }

  /** @param isQuick The other side closes too, at once. */
  sayGoodbye(isQuick: boolean): void {
    this.open--;
    if (!isQuick) this.lingering++;
    this.connections.left();
  }

  hangUp(): void {
    this.open--;
    this.connections.closed();
  }
}

describe('connections', () => {
  it('turn away one too many, and let the next one in when one is gone', () => {
    const process = new Process();
    for (let n = 0; n < MOST; n++) expect(process.connect(0)).toBe(true);
    expect(process.connect(0)).toBe(false);
    process.hangUp();
    expect([process.connect(0), process.connect(0)]).toEqual([true, false]);
    expect(process.connections).toMatchObject({ open: MOST, turnedAway: 2, isCrowded: true });
    expect(process.counts).toBe(0);
  });

  it('are crowded when little of what fans may not have is left, and not because of fans', () => {
    const process = new Process();
    for (let n = 0; n < MOST - SPARE; n++) process.connect(0);
    expect(process.connections.isCrowded).toBe(false);
    for (let n = 0; n < SPARE / 2; n++) process.connect(0);
    expect(process.connections.isCrowded).toBe(false);
    process.connect(0);
    expect(process.connections.isCrowded).toBe(true);
  });

  it('see fans who were said goodbye and do not close their side', () => {
    const process = new Process();
    for (let n = 0; n < MOST; n++) process.connect(0);
    for (let n = 0; n < MOST; n++) process.sayGoodbye(false);
    expect(process.connect(0)).toBe(false);
    process.lingering = 4;
    expect(process.connect(500)).toBe(false);
    expect(process.connect(1000)).toBe(true);
    expect(process.counts).toBe(2);
    expect(process.connections.isCrowded).toBe(false);
  });

  it('never hold more than there is, and refuse nobody for long while there is room', () => {
    const step = fc.tuple(fc.constantFrom('connect', 'quick', 'slow', 'hang_up', 'end_lingering'), fc.nat(700));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const process = new Process();
        let nowMs = 0;
        for (const [what, passedMs] of steps) {
          nowMs += passedMs;
          if (what === 'connect') {
            const hadRoom = process.open + process.lingering < MOST;
            if (!process.connect(nowMs)) expect(hadRoom && process.connect(nowMs + 1000)).toBe(hadRoom);
          } else if (what === 'end_lingering') process.lingering = Math.max(0, process.lingering - 1);
          else if (process.open > 0 && what === 'hang_up') process.hangUp();
          else if (process.open > 0) process.sayGoodbye(what === 'quick');
          expect(process.open + process.lingering).toBeLessThanOrEqual(MOST);
          expect(process.connections.open).toBe(process.open);
        }
      }),
    );
  });
});
