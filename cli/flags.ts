import { parseArgs } from 'node:util';
import { ConfigError, describeValue } from '../protocol/errors.ts';

/** What a text must be, and the words that say so. */
interface Rule {
  readonly rule: string;
  accepts(text: string): boolean;
}

/** One flag of a command; its environment variable has the same name. */
export type Flag = { readonly help: string } & (
  | {
      readonly kind: 'integer' | 'number';
      readonly min: number;
      readonly max: number;
      readonly default?: number;
      /** Shown behind the range, such as `Hz`. */
      readonly unit?: string;
    }
  | { readonly kind: 'text'; readonly default?: string; readonly allowed?: Rule }
  | {
      readonly kind: 'list';
      readonly default?: readonly string[];
      readonly of?: readonly string[];
      readonly allowed?: Rule;
    }
  | { readonly kind: 'choice'; readonly of: readonly string[]; readonly default: string }
  | { readonly kind: 'switch' }
);

type Value<F extends Flag> = F extends { kind: 'integer' | 'number' }
  ? F extends { default: number }
    ? number
    : number | undefined
  : F extends { kind: 'list' }
    ? readonly string[]
    : F extends { kind: 'switch' }
      ? boolean
      : F extends { default: string }
        ? string
        : string | undefined;

export type Flags = Readonly<Record<string, Flag>>;
export type Values<F extends Flags> = { readonly [Name in keyof F]: Value<F[Name]> };

/** What a command of the program is, for its help and its parser. */
export interface Usage<F extends Flags> {
  /** Such as `slipstream watch <car>`. */
  readonly synopsis: string;
  /** One or two sentences. */
  readonly purpose: string;
  readonly flags: F;
  /** The words that must follow the command, by name. */
  readonly operands?: Readonly<Record<string, Rule>>;
  /** Any number of words that may stand behind the operands. */
  readonly more?: Rule & { readonly name: string };
}

/** A word, flag or variable is wrong: the program ends with code 2. */
export class UsageError extends ConfigError {}

/** `udp-port` → `SLIPSTREAM_UDP_PORT`. */
export const variableOf = (flag: string): string => `SLIPSTREAM_${flag.toUpperCase().replaceAll('-', '_')}`;

/** No path, address or name is longer. */
const MAX_TEXT = 4096;

/** What is allowed, in words that follow "must be"; empty when any text is. */
function ruleOf(flag: Flag): string {
  switch (flag.kind) {
    case 'integer':
    case 'number':
      return `${flag.kind === 'integer' ? 'a whole number' : 'a number'} from ${flag.min} to ${flag.max}${flag.unit ? ` ${flag.unit}` : ''}`;
    case 'choice':
      return `one of ${flag.of.join(', ')}`;
    case 'list':
      if (flag.of) return `a list of ${flag.of.join(', ')}, separated by commas`;
      return flag.allowed ? `a list separated by commas, each ${flag.allowed.rule}` : '';
    case 'text':
      return flag.allowed?.rule ?? '';
    case 'switch':
      return '1 or 0';
  }
}

const SWITCH: Readonly<Record<string, boolean>> = { 1: true, true: true, 0: false, false: false };

/** The value that a text stands for; `undefined` when the flag does not allow it. */
function readText(flag: Flag, text: string): string | number | boolean | readonly string[] | undefined {
  if (text.trim() === '' || text.length > MAX_TEXT) return undefined;
  switch (flag.kind) {
    case 'integer':
    case 'number': {
      const value = Number(text);
      const isInRange = value >= flag.min && value <= flag.max;
      return isInRange && (flag.kind === 'number' || Number.isInteger(value)) ? value : undefined;
    }
    case 'choice':
      return flag.of.includes(text) ? text : undefined;
    case 'list': {
      const list = [...new Set(text.split(',').map((entry) => entry.trim()))].filter((entry) => entry !== '');
      const isAllowed = (entry: string) => flag.of?.includes(entry) ?? flag.allowed?.accepts(entry) ?? true;
      return list.length > 0 && list.every(isAllowed) ? list : undefined;
    }
    case 'text':
      return (flag.allowed?.accepts(text) ?? true) ? text : undefined;
    case 'switch':
      return Object.hasOwn(SWITCH, text) ? SWITCH[text] : undefined;
  }
}

function readValue(flag: Flag, text: string, name: string) {
  const value = readText(flag, text);
  if (value !== undefined) return value;
  const rule = ruleOf(flag) || `a text of 1 to ${MAX_TEXT} characters`;
  throw new UsageError('bad_flag', `${name} must be ${rule}, but is ${describeValue(text)}.`);
}

const defaultOf = (flag: Flag): unknown =>
  flag.kind === 'switch' ? false : flag.kind === 'list' ? (flag.default ?? []) : flag.default;

/** Tells flags from other words. The last of two equal flags counts. */
function splitWords(flags: Flags, args: readonly string[]): { given: Map<string, string>; words: string[] } {
  const given = new Map<string, string>();
  const words: string[] = [];
  const types = Object.entries(flags).map(
    ([name, { kind }]) => [name, { type: kind === 'switch' ? 'boolean' : 'string' }] as const,
  );
  // Not strict: a value may begin with a dash, such as a negative number, and what is wrong is told in our own words.
  const { tokens } = parseArgs({ args: [...args], options: Object.fromEntries(types), strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, inlineValue } = token;
    const flag = rawName.startsWith('--') && Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!flag) throw new UsageError('bad_flag', `There is no flag ${describeValue(rawName)}; --help lists all flags.`);
    const value = token.value ?? (flag.kind === 'switch' ? '1' : undefined);
    if (value === undefined || (!inlineValue && /^-[^\d.]/.test(value))) {
      throw new UsageError(
        'bad_flag',
        `--${name} needs a value; one that begins with a dash is written --${name}=<${flag.kind}>.`,
      );
    }
    given.set(name, value);
  }
  return { given, words };
}

function expectOperands({ operands = {}, more, synopsis }: Usage<Flags>, words: readonly string[]): void {
  const wanted = Object.entries(operands);
  if (words.length < wanted.length || (!more && words.length > wanted.length)) {
    const rule =
      wanted.length === 0 ? 'No words may follow' : `There must be ${wanted.map(([name]) => `<${name}>`).join(' ')}`;
    const got = words.length === 0 ? 'nothing' : describeValue(words.join(' '));
    throw new UsageError('bad_operand', `${rule}, but ${got} came: ${synopsis}.`);
  }
  for (const [index, word] of words.entries()) {
    const [name, { rule, accepts }] = wanted[index] ?? [more!.name, more!];
    if (accepts(word)) continue;
    throw new UsageError('bad_operand', `<${name}> must be ${rule}, but is ${describeValue(word)}.`);
  }
}

/**
 * Reads the words behind a command. Flags win over variables, variables over defaults; an empty variable is none.
 * @throws {UsageError} names the flag or variable, the value and what is allowed.
 */
export function parseFlags<F extends Flags>(
  usage: Usage<F>,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { values: Values<F>; operands: string[] } {
  const { given, words } = splitWords(usage.flags, args);
  expectOperands(usage, words);
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(usage.flags)) {
    const text = given.get(name);
    const variable = env[variableOf(name)];
    if (text !== undefined) values[name] = readValue(flag, text, `--${name}`);
    else if (variable) values[name] = readValue(flag, variable, variableOf(name));
    else values[name] = defaultOf(flag);
  }
  return { values: values as Values<F>, operands: words };
}

/** The words that {@link parseFlags} reads these values from. */
export const formatFlags = (values: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => {
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) return [];
    return [value === true ? `--${name}` : `--${name}=${String(value)}`];
  });

function describe(flag: Flag): string {
  const rule = flag.kind === 'switch' ? '' : ruleOf(flag);
  const preset = defaultOf(flag);
  const isShown = preset !== undefined && preset !== false && !(Array.isArray(preset) && preset.length === 0);
  return [flag.help, rule && `Allowed: ${rule}.`, isShown && `Default: ${String(preset)}.`].filter(Boolean).join(' ');
}

/** Breaks text at spaces so that no line is longer than `width`. */
function wrap(text: string, width: number, indent: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    if (lines.at(-1)!.length + word.length + 1 > width && lines.at(-1) !== '') lines.push('');
    lines[lines.length - 1] += `${lines.at(-1) === '' ? '' : ' '}${word}`;
  }
  return lines.map((line) => indent + line).join('\n');
}

/** The text of `--help`. */
export function formatHelp(usage: Usage<Flags>): string {
  const flags = Object.entries(usage.flags).map(([name, flag]) => {
    const value = flag.kind === 'switch' ? '' : ` <${flag.kind === 'choice' ? 'name' : flag.kind}>`;
    return `  --${name}${value}    ${variableOf(name)}\n${wrap(describe(flag), 92, '        ')}`;
  });
  return `${usage.synopsis}\n\n${wrap(usage.purpose, 100, '')}\n\nFlags, and the environment variables that mirror them:\n${flags.join('\n')}\n`;
}
