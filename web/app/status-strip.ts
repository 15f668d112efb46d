import type { Race, Receipt } from '../client/mod.ts';
import { byId, setText } from './dom.ts';
import { sayAge, sayBytes, sayConnection, sayReceipt } from './words.ts';

/** Older than this, what is on the screen is marked as old. */
const OLD_MS = 3000;
const RATE_OVER_MS = 5000;

/** The strip that says whether what is shown is live: connection, age, traffic, last repair. */
export class StatusStrip {
  readonly #connection = byId('connection');
  readonly #age = byId('age');
  readonly #traffic = byId('traffic');
  readonly #receipt = byId('receipt');
  #samples: { atMs: number; bytes: number }[] = [];

  reset(): void {
    this.#samples = [];
    setText(this.#receipt, 'Nothing had to be repaired.');
  }

  receipt(receipt: Receipt): void {
    setText(this.#receipt, sayReceipt(receipt));
  }

  /** @param isPast What is shown is not the newest, because the fan wants it so. */
  show(race: Race, nowMs: number, isPast: boolean): void {
    const { age, bytes, transport } = race.statistics();
    const isOld = race.stale !== undefined || age.byWallClockMs === undefined || age.byWallClockMs > OLD_MS;
    const silence = { isOld, stale: race.stale, flag: race.document?.flag, isPast };
    setText(this.#connection, sayConnection(race.status, silence, transport));
    setText(this.#age, sayAge(age.byWallClockMs));
    setText(this.#traffic, `${sayBytes(this.#rate(nowMs, bytes))}/s`);
    document.body.dataset.phase = race.status.phase;
    document.body.dataset.old = String(isOld);
  }

  #rate(nowMs: number, bytes: number): number {
    this.#samples = [...this.#samples.filter(({ atMs }) => nowMs - atMs <= RATE_OVER_MS), { atMs: nowMs, bytes }];
    const first = this.#samples[0]!;
    return nowMs === first.atMs ? 0 : ((bytes - first.bytes) * 1000) / (nowMs - first.atMs);
  }
}
