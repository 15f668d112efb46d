import { type ConnectOptions, connect, type Race, type TickEvent } from '../client/mod.ts';
import type { RaceRig } from './race-rig.ts';

/** A client whose every tick is compared with what was published. */
export interface CheckedFan {
  readonly race: Race;
  readonly ticks: TickEvent[];
  readonly errors: Error[];
  /** Every phase that was entered, in order. */
  readonly phases: string[];
  /** States that were not those that were published. */
  readonly differences: string[];
  /** It holds the newest tick. */
  readonly isCurrent: boolean;
  /** Ticks that it did not get on their own, between its first one and its last. */
  missed(): number[];
}

/** @param connectBy Of another copy of the SDK. */
export function joinChecked(rig: RaceRig, options: Partial<ConnectOptions> = {}, connectBy = connect): CheckedFan {
  const defaults = { url: rig.edges[0]!.url, race: 'demo', watch: [{ car: '24' }], history: 'all' } as const;
  const race = connectBy({ ...defaults, ...options });
  const ticks: TickEvent[] = [];
  const errors: Error[] = [];
  const phases: string[] = [];
  const differences: string[] = [];
  race.on('error', (error) => errors.push(error));
  race.on('status', ({ phase }) => phases.push(phase));
  race.on('tick', (tick) => {
    ticks.push(tick);
    for (const { car, view } of race.cars()) {
      const [held, published] = [race.state(car)!, rig.oracle(tick.tick, car)!];
      const wrong = Array.from(rig.catalogue.viewOf(view)!.channels).filter(
        (index) => held[index] !== published[index],
      );
      differences.push(...wrong.map((index) => `tick ${tick.tick}, car ${car}: ${rig.catalogue.channels[index]!.key}`));
    }
  });
  return {
    race,
    ticks,
    errors,
    phases,
    differences,
    get isCurrent() {
      return race.cars().length > 0 && race.cars().every(({ tick }) => tick === rig.tick);
    },
    missed: () => {
      const first = ticks[0]?.tick ?? 0;
      const got = ticks.filter(({ span, snapshot }, n) => n === 0 || (span === 1 && !snapshot)).map(({ tick }) => tick);
      // In order and each once, or everything counts as missed.
      const isInOrder = got.every((tick, n) => n === 0 || tick > got[n - 1]!);
      const all = Array.from({ length: ticks.at(-1)!.tick - first + 1 }, (_, n) => first + n);
      return isInOrder ? all.filter((tick) => !got.includes(tick)) : all;
    },
  };
}

/** Socket classes whose sockets hear only what a test lets through, and can be cut. */
export function filterSockets(passes: (data: string | ArrayBuffer, nth: number) => boolean) {
  const sockets: WebSocket[] = [];
  class Filtered extends WebSocket {
    constructor(url: string) {
      super(url);
      sockets.push(this);
    }
    override set onmessage(hear: (event: MessageEvent) => void) {
      const nth = sockets.length;
      super.onmessage = (event) => {
        if (passes(event.data, nth)) hear(event);
      };
    }
  }
  return { Socket: Filtered as unknown as typeof WebSocket, sockets };
}

/** Type of a text message; `tick` or `doc` of a frame. */
export const kindOf = (data: string | ArrayBuffer): string =>
  typeof data === 'string' ? JSON.parse(data).type : new Uint8Array(data)[0] === 0x11 ? 'tick' : 'doc';
