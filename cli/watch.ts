import { RATES, type Rate } from '../protocol/control.ts';
import { TelemetryError } from '../protocol/errors.ts';
import type { CarView, Race, Receipt, TickEvent } from '../web/client/mod.ts';
import { connect } from '../web/client/mod.ts';
import { TRANSPORTS, type Transport } from '../web/client/transports.ts';
import type { Flags, Usage, Values } from './flags.ts';
import { untilAskedToEnd } from './lifetime.ts';
import { CAR_ID, RACE_FLAG } from './race-flags.ts';

const KEY = /^[a-z][a-z0-9_]{0,31}$/;

const FLAGS = {
  ...RACE_FLAG,
  url: {
    kind: 'list',
    default: ['http://127.0.0.1:8080'],
    allowed: {
      accepts: (text) => URL.canParse(text) && /^(https?|wss?):$/.test(new URL(text).protocol),
      rule: 'an http(s) address',
    },
    help: 'Addresses of edges, separated by commas; each reconnect takes the next one.',
  },
  view: {
    kind: 'text',
    default: 'essentials',
    allowed: { accepts: (text) => KEY.test(text), rule: 'a view in lower snake case' },
    help: 'View of the car: full, essentials or another of the catalogue.',
  },
  channels: {
    kind: 'list',
    allowed: { accepts: (text) => KEY.test(text), rule: 'a channel key in lower snake case' },
    help: 'Only these channels, separated by commas, instead of a view.',
  },
  'tick-rate': {
    kind: 'choice',
    of: RATES.map(String),
    default: String(RATES[0]),
    help: 'Ticks in a second; what changed in those between comes with them.',
  },
  transport: {
    kind: 'choice',
    of: ['auto', ...TRANSPORTS],
    default: 'auto',
    help: 'How to reach the edge: auto takes what gets through, a WebSocket before a stream of events (sse).',
  },
  ticks: {
    kind: 'integer',
    min: 0,
    max: 1_000_000_000,
    default: 0,
    help: 'End after so many ticks of the car; 0 goes on until Ctrl-C.',
  },
  json: { kind: 'switch', help: 'One JSON object per tick.' },
} as const satisfies Flags;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream watch <car> [flags]',
  purpose: 'Follows one car with the SDK, as a fan would, and prints what changes.',
  flags: FLAGS,
  operands: { car: CAR_ID },
};

const describeReceipt = (receipt: Receipt): string =>
  `${receipt.kind} of ${receipt.ticks} ticks, ${receipt.bytes} bytes, in ${receipt.tookMs} ms${receipt.reason ? ` (${receipt.reason})` : ''}`;

function printPlain(tick: TickEvent, view: CarView): void {
  const change = tick.changes.find(({ car }) => car === view.car);
  const changed =
    change?.kind === 'full'
      ? Object.entries(view.values())
      : (change?.channels ?? []).map(({ key, after }) => [key, after] as const);
  const time = new Date(tick.closeAtMs).toISOString().slice(11, 21);
  process.stdout.write(
    `${time}  tick ${tick.tick}  ${changed.map(([key, value]) => `${key}=${value ?? '–'}`).join(' ') || 'no change'}\n`,
  );
}

function printJson({ tick, closeAtMs }: TickEvent, view: CarView): void {
  process.stdout.write(`${JSON.stringify({ tick, closeAtMs, car: view.car, values: view.values() })}\n`);
}

/** Prints what comes until enough ticks did, or the edge has refused for good. */
function follow(race: Race, car: string, flags: Values<typeof FLAGS>): Promise<void> {
  const say = (sentence: string) => process.stderr.write(`${sentence}\n`);
  const print = flags.json ? printJson : printPlain;
  return new Promise((resolve) => {
    let left = flags.ticks;
    let isMissed = false;
    race.on('status', ({ phase, reason }) => {
      if (phase === 'closed') resolve();
      else
        say(`connection: ${phase}${reason ? ` (${reason})` : ''}${phase === 'live' ? ` over ${race.transport}` : ''}`);
    });
    race.on('error', (error) => say(`error: ${error.message}`));
    race.on('receipt', (receipt) => say(`repair: ${describeReceipt(receipt)}`));
    race.on('stale', (stale) => {
      if (stale) say(`stale: no tick since ${new Date(stale.sinceMs).toISOString()} (${stale.reason})`);
      else say('stale: over, ticks come again');
    });
    const stop = race.on('tick', (tick) => {
      const view = race.car(car);
      if (view) print(tick, view);
      else if (!isMissed) say(`Car ${car} is not in the field; waiting for it.`);
      isMissed = !view;
      if (!view || flags.ticks === 0 || --left > 0) return;
      // The next ticks may be here already.
      stop();
      resolve();
    });
  });
}

export async function run(flags: Values<typeof FLAGS>, [car]: readonly string[]): Promise<number> {
  const { channels } = flags;
  const hasOwn = channels.length > 0;
  const race = connect({
    ...{ url: flags.url, race: flags.race, document: false, rate: Number(flags['tick-rate']) as Rate },
    watch: [{ car: car!, view: hasOwn ? 'own' : flags.view }],
    ...(hasOwn && { channels }),
    ...(flags.transport !== 'auto' && { transports: [flags.transport as Transport] }),
  });
  await Promise.race([follow(race, car!, flags), untilAskedToEnd()]);
  const { phase, reason } = race.status;
  race.close();
  if (phase !== 'closed') return 0;
  throw new TelemetryError('refused', `Race ${flags.race} cannot be watched at ${flags.url.join(', ')}: ${reason}.`);
}
