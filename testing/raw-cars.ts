import { connectNats } from '../broker/connection.ts';
import { parseCatalogue } from '../protocol/catalogue.ts';
import type { RaceFacts } from '../protocol/document.ts';

const channel = (key: string, max: number) => ({
  ...{ key, label: key, unit: '', resolution: 1, min: 0, max, aggregate: 'last', group: 'test' },
  staleAfterMs: 600_000,
});

/** `clock`: ms since the cars began, in every frame. `gear`: said once when it changes, as gateways do to save bytes. */
export const RAW_CATALOGUE = parseCatalogue({
  name: 'raw cars',
  channels: [channel('clock', 500_000_000), channel('gear', 1000)],
  views: { essentials: ['clock'] },
});

/** Cars that send their frames to `raw.<race>.<car>` over core NATS, whoever listens. */
export interface RawCars {
  /** Wall clock at which `clock` is 0, Unix ms. */
  readonly beganAtMs: number;
  /** All cars say so once, and never again. */
  shift(gear: number): void;
  /** Race control says something, once. */
  say(facts: RaceFacts): void;
  stop(): Promise<void>;
}

export async function startRawCars(
  servers: readonly string[],
  race: string,
  { cars = 3, everyMs = 50 } = {},
): Promise<RawCars> {
  const connection = await connectNats({ servers, name: 'raw cars' });
  const beganAtMs = Date.now();
  const send = (values: Record<string, number>) => {
    const at = Date.now();
    for (let car = 0; car < cars; car++) {
      connection.publish(`raw.${race}.${car}`, JSON.stringify({ at, values: { clock: at - beganAtMs, ...values } }));
    }
  };
  const timer = setInterval(() => send({}), everyMs);
  return {
    beganAtMs,
    shift: (gear) => send({ gear }),
    say: (facts) => connection.publish(`raw.${race}`, JSON.stringify(facts)),
    stop: async () => {
      clearInterval(timer);
      await connection.close();
    },
  };
}
