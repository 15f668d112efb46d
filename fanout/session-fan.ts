import { formatKnownSession, type SessionNews } from '../protocol/session-messages.ts';
import type { FanSink } from './fan.ts';
import type { SessionDevice } from './session-desk.ts';
import type { SessionState } from './sessions.ts';

/** More than this waiting in the socket of a fan, and news of its session wait outside. */
const BUSY_BYTES = 64 * 1024;

const STATUS = { unknown: 'unknown', deleted: 'deleted', busy: 'unavailable', away: 'unavailable' } as const;

/** A fan on a live connection, as a device of its session. */
export class SessionFan implements SessionDevice {
  readonly #sink: FanSink;

  constructor(sink: FanSink) {
    this.#sink = sink;
  }

  isBusy(): boolean {
    return this.#sink.bufferedBytes() > BUSY_BYTES;
  }

  tell(state: SessionState): void {
    if (state.kind === 'known') this.#sink.sendText(formatKnownSession(state.revision, state.text));
    else this.#sink.sendText(JSON.stringify({ type: 'session', status: STATUS[state.kind] } satisfies SessionNews));
  }
}
