import { createSignal } from 'solid-js';
import type { Player, Race, Receipt } from '../../client/mod.ts';
import { sayConnection, sayReceipt } from '../words.ts';

/** Older than this, what is on the screen is marked as old. */
const OLD_MS = 3000;
const RATE_OVER_MS = 5000;

/** Whether what is shown is live, as the page says it. */
export interface StatusView {
  readonly connection: string;
  /** Since the newest tick came; `undefined` before the first. */
  readonly ageMs: number | undefined;
  readonly bytesPerSecond: number;
  readonly isOld: boolean;
  readonly phase: string;
}

const START: StatusView = {
  ...{ connection: 'This page is starting.', ageMs: undefined, bytesPerSecond: 0, isOld: false, phase: '' },
};
const NO_REPAIR = 'Nothing had to be repaired.';

/** Follows the connection of a race: its state, age, traffic and last repair. */
export class Status {
  readonly view: () => StatusView;
  readonly receipt: () => string;
  readonly #set: (view: StatusView) => void;
  readonly #setReceipt: (text: string) => void;
  #samples: { atMs: number; bytes: number }[] = [];

  constructor() {
    const [view, set] = createSignal(START);
    const [receipt, setReceipt] = createSignal(NO_REPAIR);
    this.view = view;
    this.receipt = receipt;
    this.#set = set;
    this.#setReceipt = setReceipt;
  }

  follow({ race }: Player): void {
    this.#samples = [];
    this.#setReceipt(NO_REPAIR);
    race.on('receipt', (receipt: Receipt) => this.#setReceipt(sayReceipt(receipt)));
  }

  /** @param isPast What is shown is not the newest, because the fan wants it so. */
  look(race: Race, nowMs: number, isPast: boolean): void {
    const { age, bytes, transport } = race.statistics();
    const ageMs = age.byWallClockMs;
    const isOld = race.stale !== undefined || ageMs === undefined || ageMs > OLD_MS;
    const silence = { isOld, stale: race.stale, flag: race.document?.flag, isPast };
    const connection = sayConnection(race.status, silence, transport);
    this.#set({ connection, ageMs, bytesPerSecond: this.#rate(nowMs, bytes), isOld, phase: race.status.phase });
    document.body.dataset.phase = race.status.phase;
    document.body.dataset.old = String(isOld);
  }

  #rate(nowMs: number, bytes: number): number {
    this.#samples = [...this.#samples.filter(({ atMs }) => nowMs - atMs <= RATE_OVER_MS), { atMs: nowMs, bytes }];
    const first = this.#samples[0]!;
    return nowMs === first.atMs ? 0 : ((bytes - first.bytes) * 1000) / (nowMs - first.atMs);
  }
}
