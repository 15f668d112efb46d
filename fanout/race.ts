import type { NatsConnection } from '../broker/connection.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { formatPosition } from '../protocol/position.ts';
import type { FanSetOptions } from './courier.ts';
import { FanSet } from './fan-set.ts';
import { Follower } from './follower.ts';
import type { RaceState } from './race-state.ts';

/** - `waiting`: the stream has no keyframe yet. - `stale`: NATS is away, or the publisher is silent. */
export type RaceStatus = 'waiting' | 'live' | 'lost' | 'stale';

/** Silent for longer than this many ticks, a race is shown as stale. */
const STALE_TICKS = 4;

/** One race on this edge: its stream, its state, its fans. */
export class Race {
  readonly name: string;
  readonly fans: FanSet;
  readonly #follower: Follower;
  readonly #staleAfterMs: number;
  /** What was in the way of following, and how often; each is reported once. */
  readonly problems = new Map<string, number>();
  state: RaceState | undefined;
  heardAtMs = 0;

  constructor(connection: NatsConnection, options: FanSetOptions, onCatalogue: (catalogue: Catalogue) => void) {
    this.name = options.race;
    this.#staleAfterMs = options.tickMs * STALE_TICKS;
    this.fans = new FanSet(options);
    this.#follower = new Follower(connection, this.name, {
      onAdvance: (state, applied) => {
        if (this.state !== state) onCatalogue(state.catalogue);
        this.state = state;
        this.heardAtMs = Date.now();
        this.fans.advance(state, applied, this.heardAtMs);
      },
      onProblem: (code, detail) => {
        if (!this.problems.has(code)) options.report(code, detail);
        this.problems.set(code, (this.problems.get(code) ?? 0) + 1);
      },
    });
  }

  /** @param nowMs Compared with the time of the last message. */
  status(nowMs: number): RaceStatus {
    if (!this.state) return 'waiting';
    if (this.state.status !== 'following') return 'lost';
    return nowMs - this.heardAtMs > this.#staleAfterMs ? 'stale' : 'live';
  }

  get position(): string | undefined {
    return this.state && formatPosition(this.state);
  }

  stop(): Promise<void> {
    return this.#follower.stop();
  }
}
