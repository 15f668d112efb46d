import type { Hello } from '../protocol/control.ts';
import type { Choice } from './choice.ts';
import type { FanSink } from './fan.ts';
import type { JsonReceipt } from './json-events.ts';
import { EVERY_TICK, type Pace } from './pace.ts';
import type { Awaited } from './resume-plan.ts';

/** What a person asks for; without `watch` the whole field is shown. */
export type JsonWish = Pick<Hello, 'since' | 'history' | 'doc' | 'rate' | 'channels'> & {
  readonly watch: Hello['watch'] | undefined;
};

/** One person who reads a race. */
export class JsonFan {
  readonly sink: FanSink;
  readonly wish: JsonWish;
  /** The position of what was sent; at first the one that the fan named. */
  since: Hello['since'];
  /** The tick of it. */
  tick = -1;
  /** Until the fan has all that it missed. */
  isBehind = true;
  choice: Choice | undefined;
  pace: Pace = EVERY_TICK;
  dueTick = -1;
  askedAtMs: number;
  saidAtMs: number;
  /** What it is to be told that the state it had ends with. */
  restart: JsonReceipt['reason'] | undefined;
  wasToldStale = false;
  waitsFor: Awaited | undefined;
  lateAtMs = 0;
  blockedSinceMs: number | undefined;
  /** It could not take a tick when that came: those that it missed are joined. */
  wasSlow = false;

  constructor(sink: FanSink, wish: JsonWish, nowMs: number) {
    this.sink = sink;
    this.wish = wish;
    this.since = wish.since;
    this.askedAtMs = nowMs;
    this.saidAtMs = nowMs;
  }
}
