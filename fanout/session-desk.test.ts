import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SessionDesk, type SessionDevice } from './session-desk.ts';
import type { SessionState } from './sessions.ts';

class TestDevice implements SessionDevice {
  readonly told: SessionState[] = [];
  isFrozen = false;
  isBusy() {
    return this.isFrozen;
  }
  tell(state: SessionState) {
    this.told.push(state);
  }
  get revisions() {
    return this.told.map((state) => ('revision' in state ? state.revision : state.kind));
  }
}

const known = (revision: number): SessionState => ({ kind: 'known', revision, text: `${revision}` });
const unknown: SessionState = { kind: 'unknown' };

describe('the desk of the sessions', () => {
  it('tells every device of a session each change once, and nobody else', () => {
    const desk = new SessionDesk(4);
    const [a, b, other] = [new TestDevice(), new TestDevice(), new TestDevice()];
    desk.attach('x', a);
    desk.attach('y', other);
    desk.take('x', 3, known(3));
    desk.attach('x', b, 3);
    desk.take('x', 3, known(3));
    desk.take('x', 5, known(5));
    desk.detach('x', a);
    desk.detach('x', a);
    desk.take('x', 6, { kind: 'deleted', revision: 6 });
    desk.take('z', 7, known(7));
    expect([a, b, other].map(({ revisions }) => revisions)).toEqual([[3, 5], [5, 6], []]);
    expect(desk.size).toBe(2);
  });

  it('does not take anybody back: an answer that was overtaken says nothing', () => {
    const desk = new SessionDesk(4);
    const device = new TestDevice();
    desk.attach('x', device);
    desk.take('x', 5, known(5));
    desk.take('x', 4, known(4));
    expect(device.revisions).toEqual([5]);
  });

  it('says that a session is not there any more, and goes on when it is made again', () => {
    const desk = new SessionDesk(4);
    const device = new TestDevice();
    desk.attach('x', device);
    desk.take('x', 0, unknown);
    desk.take('x', 0, unknown);
    desk.take('x', 5, known(5));
    desk.take('x', 0, unknown);
    desk.take('x', 9, known(9));
    expect(device.revisions).toEqual(['unknown', 5, 'unknown', 9]);
  });

  it('begins anew with revisions when NATS has lost its data', () => {
    const desk = new SessionDesk(4);
    const device = new TestDevice();
    desk.attach('x', device);
    desk.take('x', 500, known(500));
    desk.forgetAll();
    expect(desk.takeLate(10)).toEqual(['x']);
    desk.take('x', 2, known(2));
    expect(device.revisions).toEqual([500, 2]);
  });

  it('has room for so many devices of one session', () => {
    const desk = new SessionDesk(2);
    const devices = [1, 2, 3].map(() => new TestDevice());
    expect(devices.map((device) => desk.attach('x', device))).toEqual([true, true, false]);
    expect(desk.attach('y', devices[2]!)).toBe(true);
    desk.detach('x', devices[0]!);
    expect(desk.attach('x', devices[0]!)).toBe(true);
  });

  it('excuses itself to those who know nothing, and asks for it to be read again', () => {
    const desk = new SessionDesk(4);
    const [a, b] = [new TestDevice(), new TestDevice()];
    desk.attach('x', a, 3);
    desk.attach('x', b);
    desk.excuse('x', { kind: 'away' });
    desk.excuse('nobody', { kind: 'away' });
    expect(desk.takeLate(10)).toEqual(['x']);
    expect(desk.takeLate(10)).toEqual([]);
    desk.take('x', 3, known(3));
    expect([a.revisions, b.revisions]).toEqual([[], ['away', 3]]);
  });

  it('keeps nothing for a device that is gone', () => {
    const desk = new SessionDesk(4);
    const device = new TestDevice();
    desk.attach('x', device);
    device.isFrozen = true;
    desk.take('x', 1, known(1));
    desk.detach('x', device);
    expect(desk.takeLate(10)).toEqual([]);
    expect(desk.size).toBe(0);
  });

  it('leads every device to the newest state, however slowly it reads and in whatever order answers come', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ act: fc.constant('write' as const) }),
        fc.record({ act: fc.constant('stale' as const), back: fc.nat(3) }),
        fc.record({ act: fc.constantFrom('freeze' as const, 'thaw' as const, 'join' as const), who: fc.nat(2) }),
        fc.record({ act: fc.constant('sweep' as const) }),
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const desk = new SessionDesk(4);
        const devices = [new TestDevice(), new TestDevice(), new TestDevice()];
        let stored = 1;
        desk.attach('x', devices[0]!);
        const sweep = () => desk.takeLate(10).forEach((key) => void desk.take(key, stored, known(stored)));
        for (const step of list) {
          if (step.act === 'write') desk.take('x', ++stored, known(stored));
          if (step.act === 'stale')
            desk.take('x', Math.max(1, stored - step.back), known(Math.max(1, stored - step.back)));
          if (step.act === 'freeze') devices[step.who]!.isFrozen = true;
          if (step.act === 'thaw') devices[step.who]!.isFrozen = false;
          if (step.act === 'sweep') sweep();
          if (step.act === 'join') {
            desk.attach('x', devices[step.who]!);
            desk.take('x', stored, known(stored));
          }
        }
        for (const device of devices) device.isFrozen = false;
        for (const device of devices) desk.attach('x', device);
        desk.take('x', stored, known(stored));
        sweep();
        for (const { revisions } of devices) {
          expect(revisions.at(-1)).toBe(stored);
        }
      }),
    );
  });
});
