import { ConfigError, describeValue } from './errors.ts';

/** An object of a catalogue, before its fields are known to be right. */
export type Json = Record<string, unknown>;

/** What the keys of channels and the names of views look like. */
export const KEY = /^[a-z][a-z0-9_]{0,31}$/;

/**
 * @param where The part of the catalogue that is wrong, such as `channel rpm: min`.
 * @throws {ConfigError} `bad_catalogue`, always.
 */
export const fail = (where: string, rule: string, value: unknown): never => {
  throw new ConfigError('bad_catalogue', `${where} must be ${rule}, but is ${describeValue(value)}.`);
};

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws {ConfigError} `bad_catalogue` for what is no text, or too long a one. */
export function readText(object: Json, field: string, where: string, maxLength: number): string {
  const value = object[field];
  if (typeof value !== 'string' || value.length > maxLength) {
    return fail(`${where}: ${field}`, `a text of at most ${maxLength} characters`, value);
  }
  return value;
}

/** @throws {ConfigError} `bad_catalogue` with `rule` for what is no finite number, or not a good one. */
export function readNumber(
  object: Json,
  field: string,
  where: string,
  rule: string,
  isGood: (value: number) => boolean,
): number {
  const value = object[field];
  if (typeof value !== 'number' || !Number.isFinite(value) || !isGood(value))
    return fail(`${where}: ${field}`, rule, value);
  return value;
}

/** @throws {ConfigError} `bad_catalogue` for the first field that is not known: it would be lost in silence. */
export function refuseUnknownFields(object: Json, known: ReadonlySet<string>, where: string): void {
  for (const field of Object.keys(object)) {
    if (!known.has(field))
      fail(`${where}: ${field}`, `left out; the fields are ${[...known].join(', ')}`, object[field]);
  }
}
