import { isCarId } from '../protocol/field.ts';
import { isRaceName } from '../protocol/position.ts';
import type { Flags } from './flags.ts';

export const CAR_ID = { accepts: isCarId, rule: 'a car id of 1 to 8 letters, digits, - or _' };

export const RACE_NAME = {
  accepts: isRaceName,
  rule: '1 to 32 letters, digits, - or _',
};

/** Flags that several commands share. */
export const NATS_FLAG = {
  nats: { kind: 'list', default: ['127.0.0.1:4222'], help: 'Addresses of NATS servers, separated by commas.' },
} as const satisfies Flags;

export const RACE_FLAG = {
  race: {
    kind: 'text',
    default: 'demo',
    allowed: RACE_NAME,
    help: 'Name of the race.',
  },
} as const satisfies Flags;

export const LOG_FLAG = {
  log: { kind: 'choice', of: ['text', 'json'], default: 'text', help: 'Form of what is said on standard error.' },
} as const satisfies Flags;

/** What a field of cars is made of: the simulator, recordings, or cars that send by themselves. */
export const SOURCE_FLAGS = {
  catalogue: {
    kind: 'text',
    help: 'Catalogue of channels: stock-car, formula-1, or the path of a JSON file. Default: stock-car, formula-1 for f1-test.',
  },
  cars: { kind: 'integer', min: 1, max: 200, default: 40, help: 'Cars that the simulator or a recording makes.' },
  rate: {
    kind: 'integer',
    min: 1,
    max: 120,
    default: 60,
    unit: 'Hz',
    help: 'Samples per second and car of the simulator.',
  },
  seed: {
    kind: 'integer',
    min: 0,
    max: 4294967295,
    default: 1,
    help: 'The same seed gives the same simulated race, and the same phases of replicated recordings.',
  },
  laps: { kind: 'integer', min: 1, max: 2000, default: 200, help: 'Laps of a simulated race.' },
  skip: {
    kind: 'integer',
    min: 0,
    max: 3600,
    default: 60,
    unit: 's',
    help: 'Where a simulated race begins; the green flag falls some 75 s into it.',
  },
  speed: {
    kind: 'number',
    min: 0.25,
    max: 60,
    default: 1,
    help: 'Race seconds per second, for the simulator and recordings.',
  },
} as const satisfies Flags;
