import { parseArgs } from 'node:util';
import { ConfigError } from '../protocol/errors.ts';

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
  | { readonly kind: 'text'; readonly default?: string; readonly pattern?: RegExp; readonly rule?: string }
  | { readonly kind: 'list'; readonly default?: readonly string[]; readonly of?: readonly string[] }
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
  /** Names of the words that must follow the command. */
  readonly operands?: readonly string[];
}

/** A word, flag or variable is wrong: the program ends with code 2. */
export class UsageError extends ConfigError {}

/** `udp-port` → `SLIPSTREAM_UDP_PORT`. */
export const variableOf = (flag: string): string => `SLIPSTREAM_${flag.toUpperCase().replaceAll('-', '_')}`;

const range = (flag: Extract<Flag, { kind: 'integer' | 'number' }>): string =>
  `${flag.kind === 'integer' ? 'a whole number' : 'a number'} from ${flag.min} to ${flag.max}${flag.unit ? ` ${flag.unit}` : ''}`;

function readValue(flag: Flag, text: string, name: string): string | number | boolean | readonly string[] {
  const fail = (rule: string): never => {
    throw new UsageError('bad_flag', `${name} must be ${rule}, but is ${JSON.stringify(text)}.`);
  };
  switch (flag.kind) {
    case 'integer':
    case 'number': {
      const value = Number(text);
      const isGood =
        text.trim() !== '' &&
        value >= flag.min &&
        value <= flag.max &&
        (flag.kind === 'number' || Number.isInteger(value));
      return isGood ? value : fail(range(flag));
    }
    case 'text':
      return flag.pattern && !flag.pattern.test(text) ? fail(flag.rule!) : text;
    case 'choice':
      return flag.of.includes(text) ? text : fail(`one of ${flag.of.join(', ')}`);
    case 'list': {
      const list = text.split(',').filter((entry) => entry !== '');
      const { of } = flag;
      return of && list.some((entry) => !of.includes(entry))
        ? fail(`a list of ${of.join(', ')}, separated by commas`)
        : list;
    }
    case 'switch':
      return text === '' || text === '1' || text === 'true'
        ? true
        : text === '0' || text === 'false'
          ? false
          : fail('1 or 0');
  }
}

const defaultOf = (flag: Flag): unknown =>
  flag.kind === 'switch' ? false : flag.kind === 'list' ? (flag.default ?? []) : flag.default;

/**
 * Reads the words behind a command. Flags win over variables, variables over defaults.
 * @throws {UsageError} names the flag or variable, the value and what is allowed.
 */
export function parseFlags<F extends Flags>(
  usage: Usage<F>,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { values: Values<F>; operands: string[] } {
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] };
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(usage.flags).map(
          ([name, flag]) => [name, { type: flag.kind === 'switch' ? 'boolean' : 'string' }] as const,
        ),
      ),
    }) as typeof parsed;
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\. (?=To)/);
    throw new UsageError(
      'bad_flag',
      `${sentence}; ${usage.synopsis.split(' ').slice(0, 2).join(' ')} --help lists what there is.`,
    );
  }
  const wanted = usage.operands ?? [];
  if (parsed.positionals.length !== wanted.length) {
    const got = parsed.positionals.length === 0 ? 'none came' : `${parsed.positionals.join(' ')} came`;
    throw new UsageError(
      'bad_operand',
      `${wanted.length === 0 ? 'No words' : `The words ${wanted.map((name) => `<${name}>`).join(' ')}`} may follow, but ${got}: ${usage.synopsis}`,
    );
  }
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(usage.flags)) {
    const given = parsed.values[name];
    const variable = env[variableOf(name)];
    if (given === true) values[name] = true;
    else if (typeof given === 'string') values[name] = readValue(flag, given, `--${name}`);
    else if (variable !== undefined) values[name] = readValue(flag, variable, variableOf(name));
    else values[name] = defaultOf(flag);
  }
  return { values: values as Values<F>, operands: parsed.positionals };
}

function describe(flag: Flag): string {
  const allowed =
    flag.kind === 'integer' || flag.kind === 'number'
      ? range(flag)
      : flag.kind === 'choice' || (flag.kind === 'list' && flag.of)
        ? `${flag.kind === 'list' ? 'any of' : 'one of'} ${flag.of!.join(', ')}`
        : flag.kind === 'text'
          ? (flag.rule ?? '')
          : '';
  const preset = defaultOf(flag);
  const isShown = preset !== undefined && preset !== false && !(Array.isArray(preset) && preset.length === 0);
  return [flag.help, allowed && `Allowed: ${allowed}.`, isShown && `Default: ${String(preset)}.`]
    .filter(Boolean)
    .join(' ');
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
