import { connect, type Race } from '../web/client/mod.ts';
import type { ReadEpoch } from './race-check.ts';

/** What a fan was told of one tick. */
interface ToldTick {
  readonly tick: number;
  readonly span: number;
  readonly snapshot: boolean;
  /** State of each car that it follows, as the SDK held it then. */
  readonly states: ReadonlyMap<string, Int32Array>;
}

/** How what a fan was told differs from what the stream holds. */
export interface FanVerdict {
  /** Ticks between its first and its last that no frame covers. An edge that has no time may join ticks in one frame. */
  lost: number;
  doubled: number;
  /** States that are not those of the stream. */
  wrong: number;
}

/** An SDK fan who wants every tick and remembers all that he was told, to be compared with the stream afterwards. */
export class RecordedFan {
  readonly race: Race;
  readonly told: ToldTick[] = [];

  constructor(url: string | readonly string[], race: string, cars: readonly string[]) {
    this.race = connect({ url, race, watch: cars.map((car) => ({ car, view: 'full' })), history: 'all' });
    this.race.on('tick', ({ tick, span, snapshot }) => {
      const states = new Map(this.race.cars().map(({ car }) => [car, this.race.state(car)!.slice()]));
      this.told.push({ tick, span, snapshot, states });
    });
  }

  get lastTick(): number {
    return this.told.at(-1)?.tick ?? -1;
  }

  /** @param epoch All that the stream holds, from its first tick on. */
  compare(epoch: ReadEpoch): FanVerdict {
    const verdict = { lost: 0, doubled: 0, wrong: 0 };
    const fields = new Map(epoch.ticks.map(({ tick, field }) => [tick, field]));
    let last: number | undefined;
    for (const { tick, span, snapshot, states } of this.told) {
      if (last !== undefined && tick <= last) verdict.doubled++;
      else if (last !== undefined && (snapshot || tick - span !== last)) verdict.lost += Math.max(1, tick - last - 1);
      last = tick;
      const field = fields.get(tick);
      for (const [car, state] of states) {
        const published = field?.states[field.cars.indexOf(car)];
        if (!published || Buffer.compare(bytesOf(published), bytesOf(state)) !== 0) verdict.wrong++;
      }
    }
    return verdict;
  }
}

const bytesOf = (state: Int32Array): Uint8Array => new Uint8Array(state.buffer, state.byteOffset, state.byteLength);
