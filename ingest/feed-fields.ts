/** What becomes of parts of a recording that are not used. */
export interface FieldTally {
  /** A field that nothing is made of. @param path Such as `vehicles[].passes_made`. */
  unused(path: string): void;
  /** Something that is not what it should be. @param what One sentence. */
  malformed(what: string): void;
}

export type FieldReaders = Readonly<Record<string, (value: unknown) => void>>;

/** Names come from outside. */
const MAX_NAME = 60;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Gives each field of an object to its reader; the others are unused. @param path Where the object stands; '' at the top. */
export function readFields(tally: FieldTally, path: string, value: unknown, readers: FieldReaders): void {
  if (!isObject(value)) tally.malformed(`${path || 'The whole'} is no object.`);
  for (const [name, content] of isObject(value) ? Object.entries(value) : []) {
    if (Object.hasOwn(readers, name)) readers[name]!(content);
    else tally.unused(`${path}${path && '.'}${name.slice(0, MAX_NAME)}`);
  }
}

/** Each entry of a list; what is no list has none. */
export const eachOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A number, also where it is written as text; `undefined` outside the range. */
export function numberIn(value: unknown, low: number, high: number): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && number >= low && number <= high ? number : undefined;
}

export function integerIn(value: unknown, low: number, high: number): number | undefined {
  const number = numberIn(value, low, high);
  return number !== undefined && Number.isInteger(number) ? number : undefined;
}

/** A text as facts of a race may have it: 1 to 120 characters without white space around; `undefined` for others. */
export function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return value.trim().slice(0, 120).trim() || undefined;
}

/** A date in ISO 8601 with a zone, as Unix ms; `undefined` before 2000 and after 2200. */
export function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.length > 40) return undefined;
  return numberIn(Date.parse(value), Date.UTC(2000, 0, 1), Date.UTC(2200, 0, 1));
}
