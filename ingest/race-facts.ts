import {
  type ControlNews,
  type Flag,
  MAX_CONTROL_MESSAGES,
  MAX_CONTROL_TEXT,
  type RaceFacts,
  type RosterEntry,
} from '../protocol/document.ts';
import { CAR_ID } from '../protocol/field.ts';
import { FrameRefused, quote } from './frame-reader.ts';
import type { SourceSink } from './source.ts';

/** Facts are small; the roster of the largest field stays far below this. */
export const MAX_FACTS_BYTES = 64 * 1024;

const MAX_TEXT = 120;
const MAX_ROSTER = 200;
const KINDS: readonly RaceFacts['kind'][] = ['live', 'recording', 'simulation'];
const FLAGS: readonly Flag[] = ['none', 'green', 'yellow', 'red', 'white', 'checkered'];

type Json = Record<string, unknown>;
type Rule = readonly [rule: string, isGood: (value: unknown) => boolean];

const textUpTo = (most: number): Rule => [
  `a text of 1 to ${most} characters`,
  (v) => typeof v === 'string' && v.length > 0 && v.length <= most,
];
const listUpTo = (most: number, what: string): Rule => [
  `a list of at most ${most} ${what}`,
  (v) => Array.isArray(v) && v.length <= most,
];
const text = textUpTo(MAX_TEXT);
const oneOf = (list: readonly unknown[]): Rule => [`one of ${list.join(', ')}`, (v) => list.includes(v)];
const FACTS: Readonly<Record<keyof RaceFacts, Rule>> = {
  name: text,
  track: text,
  trackLengthM: ['a number of metres above 0 and up to 100000', (v) => typeof v === 'number' && v > 0 && v <= 1e5],
  kind: oneOf(KINDS),
  origin: text,
  lapsTotal: ['an integer from 1 to 10000', (v) => Number.isInteger(v) && (v as number) >= 1 && (v as number) <= 1e4],
  flag: oneOf(FLAGS),
  roster: listUpTo(MAX_ROSTER, 'cars'),
  control: listUpTo(MAX_CONTROL_MESSAGES, 'messages'),
};
const ENTRY: Readonly<Record<keyof RosterEntry, Rule>> = {
  car: [`a text that matches ${CAR_ID}`, (v) => typeof v === 'string' && CAR_ID.test(v)],
  driver: text,
  team: text,
  make: text,
};
const MESSAGE: Readonly<Record<keyof ControlNews, Rule>> = {
  text: textUpTo(MAX_CONTROL_TEXT),
  atMs: ['a time in Unix ms', (v) => Number.isSafeInteger(v) && (v as number) > 0],
};

/**
 * Delivers the race facts in `bytes`, a JSON object in UTF-8, or refuses them with a sentence that names the field.
 *
 * @returns Whether they were delivered. Facts are taken whole or not at all.
 */
export function decodeFacts(bytes: Uint8Array, sink: SourceSink): boolean {
  let facts: RaceFacts;
  try {
    facts = readFacts(bytes);
  } catch (error) {
    if (!(error instanceof FrameRefused)) throw error;
    sink.refuse(error.reason, error.detail);
    return false;
  }
  sink.facts(facts);
  return true;
}

function readFacts(bytes: Uint8Array): RaceFacts {
  if (bytes.length > MAX_FACTS_BYTES) {
    throw new FrameRefused('oversized', `Facts of ${bytes.length} bytes are above the limit of ${MAX_FACTS_BYTES}.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new FrameRefused('malformed', 'The facts of a race must be JSON in UTF-8.');
  }
  const facts = check(value, FACTS, 'the facts of a race');
  const roster = facts.roster as unknown[] | undefined;
  const cars = roster?.map((entry, i) => check(entry, ENTRY, `roster[${i}]`, 'car').car);
  const messages = facts.control as unknown[] | undefined;
  for (const [i, message] of messages?.entries() ?? []) check(message, MESSAGE, `control[${i}]`, 'text');
  if (new Set(cars).size !== (cars?.length ?? 0)) throw new FrameRefused('malformed', 'The roster names a car twice.');
  return facts;
}

function check(value: unknown, rules: Readonly<Record<string, Rule>>, where: string, required?: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FrameRefused('malformed', `The value of ${where} must be an object.`);
  }
  if (required !== undefined && !Object.hasOwn(value, required)) {
    throw new FrameRefused('malformed', `The field ${required} is missing in ${where}.`);
  }
  for (const [field, content] of Object.entries(value)) {
    const rule = Object.hasOwn(rules, field) ? rules[field] : undefined;
    if (!rule) throw new FrameRefused('malformed', `There is no field ${quote(field)} in ${where}.`);
    if (!rule[1](content)) throw new FrameRefused('malformed', `The field ${field} in ${where} must be ${rule[0]}.`);
  }
  return value as Json;
}
