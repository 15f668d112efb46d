import type { SessionState, Sessions } from './sessions.ts';

/**
 * Waits until a session is another one than a device holds: for clients whose connection takes no messages.
 * @param holds The revision that the device knows.
 * @param onGone Has what it is given called when the device hangs up.
 * @returns what is stored then; `undefined` when nothing changed in time, or the session has too many devices here.
 */
export function waitForChange(
  sessions: Sessions,
  id: string,
  holds: number,
  waitMs: number,
  onGone: (act: () => void) => void,
): Promise<SessionState | undefined> {
  return new Promise((resolve) => {
    let detach: (() => void) | undefined;
    const done = (state: SessionState | undefined) => {
      detach?.();
      clearTimeout(timer);
      resolve(state);
    };
    const giveUp = () => done(undefined);
    const timer = setTimeout(giveUp, waitMs);
    detach = sessions.attach(id, { isBusy: () => false, tell: done }, holds);
    if (!detach) giveUp();
    onGone(giveUp);
  });
}
