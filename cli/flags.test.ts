import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usage as cutting } from './archive/cut.ts';
import { usage as exporting } from './archive/export.ts';
import { usage as importing } from './archive/import.ts';
import { usage as listing } from './archive/list.ts';
import { usage as verifying } from './archive/verify.ts';
import { usage as edge } from './edge.ts';
import {
  type Flag,
  type Flags,
  formatFlags,
  formatHelp,
  parseFlags,
  type Usage,
  UsageError,
  variableOf,
} from './flags.ts';
import { usage as ingest } from './ingest.ts';
import { usage as inspect } from './inspect.ts';
import { usage as replay } from './replay.ts';
import { usage as start } from './start.ts';
import { usage as watch } from './watch.ts';

const COMMANDS: Record<string, Usage<Flags>> = {
  start,
  ingest,
  edge,
  watch,
  inspect,
  replay,
  'archive export': exporting,
  'archive import': importing,
  'archive list': listing,
  'archive verify': verifying,
  'archive cut': cutting,
};

const FLAGS = {
  port: { kind: 'integer', min: 1, max: 65535, default: 8080, help: 'A port.' },
  skip: { kind: 'integer', min: -10, max: 10, unit: 's', help: 'Without a default.' },
  speed: { kind: 'number', min: 0.25, max: 60, default: 1, help: 'A number.' },
  path: { kind: 'text', help: 'Any text.' },
  code: {
    kind: 'text',
    default: 'ab',
    allowed: { accepts: (text) => /^[a-z]+$/.test(text), rule: 'lower case' },
    help: 'A text with a rule.',
  },
  files: { kind: 'list', help: 'Any list.' },
  kinds: { kind: 'list', of: ['a', 'b', 'c'], default: ['a'], help: 'A list of known words.' },
  names: { kind: 'list', allowed: { accepts: (text) => /^[a-z]+$/.test(text), rule: 'lower case' }, help: 'A list.' },
  form: { kind: 'choice', of: ['text', 'json'], default: 'text', help: 'One of some words.' },
  json: { kind: 'switch', help: 'On or off.' },
} as const satisfies Flags;

const USAGE: Usage<typeof FLAGS> = { synopsis: 'slipstream test [flags]', purpose: 'Tests.', flags: FLAGS };

type Env = Record<string, string>;

const read = (args: string, env: Env = {}) => parseFlags(USAGE, args === '' ? [] : args.split(' '), env).values;

function sentenceOf(args: readonly string[], env: Env = {}, usage: Usage<Flags> = USAGE): string {
  try {
    parseFlags(usage, args, env);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

describe('flags', () => {
  it('have their defaults when nothing is said', () => {
    expect(read('')).toEqual({
      port: 8080,
      skip: undefined,
      speed: 1,
      path: undefined,
      code: 'ab',
      files: [],
      kinds: ['a'],
      names: [],
      form: 'text',
      json: false,
    });
  });

  it.each([
    ['--port 1', 'port', 1],
    ['--port=65535', 'port', 65535],
    ['--port 1 --port 2', 'port', 2],
    ['--skip -10', 'skip', -10],
    ['--skip=-10', 'skip', -10],
    ['--skip 0', 'skip', 0],
    ['--speed .5', 'speed', 0.5],
    ['--path a=b', 'path', 'a=b'],
    ['--path=--odd', 'path', '--odd'],
    ['--code xyz', 'code', 'xyz'],
    ['--files a,b', 'files', ['a', 'b']],
    ['--files a,,b,', 'files', ['a', 'b']],
    ['--kinds c,a', 'kinds', ['c', 'a']],
    ['--kinds b,b', 'kinds', ['b']],
    ['--form json', 'form', 'json'],
    ['--json', 'json', true],
    ['--json=false', 'json', false],
    ['--json=1', 'json', true],
  ])('reads %s', (args, name, value) => {
    expect(read(args)).toHaveProperty(name, value);
  });

  it('takes the spaces off the entries of a list', () => {
    expect(parseFlags(USAGE, ['--files', ' a, b c ,'], {}).values.files).toEqual(['a', 'b c']);
  });

  it.each([
    ['--port 0', '--port must be a whole number from 1 to 65535, but is "0".'],
    ['--port 65536', '--port must be a whole number from 1 to 65535, but is "65536".'],
    ['--port 1.5', '--port must be a whole number from 1 to 65535, but is "1.5".'],
    ['--port -1', '--port must be a whole number from 1 to 65535, but is "-1".'],
    ['--port -.5', '--port must be a whole number from 1 to 65535, but is "-.5".'],
    ['--port NaN', '--port must be a whole number from 1 to 65535, but is "NaN".'],
    ['--port=', '--port must be a whole number from 1 to 65535, but is "".'],
    ['--skip 11', '--skip must be a whole number from -10 to 10 s, but is "11".'],
    ['--speed Infinity', '--speed must be a number from 0.25 to 60, but is "Infinity".'],
    ['--path=', '--path must be a text of 1 to 4096 characters, but is "".'],
    ['--code A', '--code must be lower case, but is "A".'],
    ['--files=', '--files must be a text of 1 to 4096 characters, but is "".'],
    ['--kinds=,', '--kinds must be a list of a, b, c, separated by commas, but is ",".'],
    ['--kinds a,d', '--kinds must be a list of a, b, c, separated by commas, but is "a,d".'],
    ['--names a,B', '--names must be a list separated by commas, each lower case, but is "a,B".'],
    ['--form xml', '--form must be one of text, json, but is "xml".'],
    ['--form=', '--form must be one of text, json, but is "".'],
    ['--json=maybe', '--json must be 1 or 0, but is "maybe".'],
    ['--json=', '--json must be 1 or 0, but is "".'],
    ['--json=toString', '--json must be 1 or 0, but is "toString".'],
    ['--prot 1', 'There is no flag "--prot"; --help lists all flags.'],
    ['-p 1', 'There is no flag "-p"; --help lists all flags.'],
    ['--__proto__ 1', 'There is no flag "--__proto__"; --help lists all flags.'],
    ['--no-json', 'There is no flag "--no-json"; --help lists all flags.'],
    ['--port', '--port needs a value; one that begins with a dash is written --port=<integer>.'],
    ['--path --json', '--path needs a value; one that begins with a dash is written --path=<text>.'],
    ['word', 'No words may follow, but "word" came: slipstream test [flags].'],
    ['-- --json', 'No words may follow, but "--json" came: slipstream test [flags].'],
    ['--json true', 'No words may follow, but "true" came: slipstream test [flags].'],
  ])('refuses %s', (args, sentence) => {
    expect(sentenceOf(args.split(' '))).toBe(sentence);
  });

  it('does not repeat a value of any length', () => {
    const long = 'x'.repeat(5000);
    for (const args of [['--port', long], ['--path', long], ['--files', long], [`--${long}`], [long, long]])
      expect(sentenceOf(args).length).toBeLessThan(200);
  });
});

describe('variables', () => {
  it('have the name of their flag', () => {
    expect(variableOf('udp-port')).toBe('SLIPSTREAM_UDP_PORT');
  });

  it.each([
    [{ SLIPSTREAM_PORT: '81' }, 'port', 81],
    [{ SLIPSTREAM_SKIP: '-3' }, 'skip', -3],
    [{ SLIPSTREAM_KINDS: 'b,c' }, 'kinds', ['b', 'c']],
    [{ SLIPSTREAM_JSON: 'true' }, 'json', true],
    [{ SLIPSTREAM_JSON: '0' }, 'json', false],
    [{ SLIPSTREAM_JSON: '' }, 'json', false],
    [{ SLIPSTREAM_PORT: '' }, 'port', 8080],
    [{ PORT: '81' }, 'port', 8080],
  ])('%j gives %s', (env, name, value) => {
    expect(read('', env as Env)).toHaveProperty(name, value);
  });

  it('give way to flags, also when they are wrong', () => {
    expect(read('--port 82', { SLIPSTREAM_PORT: '81' }).port).toBe(82);
    expect(read('--port 82', { SLIPSTREAM_PORT: 'none' }).port).toBe(82);
    expect(read('--json=0', { SLIPSTREAM_JSON: '1' }).json).toBe(false);
  });

  it('are named when they are wrong', () => {
    const sentence = 'SLIPSTREAM_PORT must be a whole number from 1 to 65535, but is "0".';
    expect(sentenceOf([], { SLIPSTREAM_PORT: '0' })).toBe(sentence);
  });
});

describe('words behind a command', () => {
  const operands = { car: { accepts: (text: string) => /^\d+$/.test(text), rule: 'a number' } };
  const usage: Usage<Flags> = { ...USAGE, synopsis: 'slipstream test <car> [flags]', operands };

  it.each([[['7']], [['--json', '7']], [['7', '--port', '1']], [['--', '7']]])('are read from %j', (args) => {
    expect(parseFlags(usage, args, {}).operands).toEqual(['7']);
  });

  it.each([
    [[], 'There must be <car>, but nothing came: slipstream test <car> [flags].'],
    [['1', '2'], 'There must be <car>, but "1 2" came: slipstream test <car> [flags].'],
    [['x'], '<car> must be a number, but is "x".'],
    [[''], '<car> must be a number, but is "".'],
    [['a\nb'], '<car> must be a number, but is "a\\nb".'],
  ])('%j are refused', (args, sentence) => {
    expect(sentenceOf(args, {}, usage)).toBe(sentence);
  });

  it('may be more than those that must be there, each under its rule', () => {
    const withMore = { ...usage, more: { name: 'lap', accepts: (text: string) => text !== 'x', rule: 'no x' } };
    expect(parseFlags(withMore, ['7', 'a', 'b'], {}).operands).toEqual(['7', 'a', 'b']);
    expect(parseFlags(withMore, ['7'], {}).operands).toEqual(['7']);
    expect(sentenceOf([], {}, withMore)).toContain('There must be <car>, but nothing came');
    expect(sentenceOf(['7', 'a', 'x'], {}, withMore)).toBe('<lap> must be no x, but is "x".');
  });
});

describe('any words and variables', () => {
  const flagName = fc.constantFrom(...Object.keys(FLAGS), 'unknown', '__proto__', '');
  const value = fc.oneof(
    fc.integer().map(String),
    fc.double().map(String),
    fc.constantFrom('', ' ', ',', 'a', 'a,b', 'json', '1', '-1', '--', '-', '--port', '0x10', '1e3', '\n'),
    fc.string({ unit: 'binary' }),
  );
  const word = fc.oneof(
    value,
    flagName.map((name) => `--${name}`),
    fc.tuple(flagName, value).map(([name, text]) => `--${name}=${text}`),
  );
  const env = fc.dictionary(flagName.map(variableOf), value);

  const isAllowed = (flag: Flag, value: unknown): boolean => {
    if (flag.kind === 'switch') return typeof value === 'boolean';
    if (flag.kind === 'list') {
      const list = value as string[];
      return list.every((entry) => entry !== '' && (flag.of?.includes(entry) ?? flag.allowed?.accepts(entry) ?? true));
    }
    if (value === undefined) return !('default' in flag);
    if (flag.kind === 'choice') return flag.of.includes(value as string);
    if (flag.kind === 'text') return value !== '' && (flag.allowed?.accepts(value as string) ?? true);
    const number = value as number;
    return number >= flag.min && number <= flag.max && (flag.kind === 'number' || Number.isInteger(number));
  };

  it('give values that are allowed, or one sentence', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), env, (args, env) => {
        let values: Record<string, unknown>;
        try {
          ({ values } = parseFlags(USAGE, args, env));
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          expect((error as Error).message).toMatch(/^[^\n\r]{10,250}\.$/);
          return;
        }
        expect(Object.keys(values)).toEqual(Object.keys(FLAGS));
        for (const [name, flag] of Object.entries(FLAGS)) expect(isAllowed(flag, values[name]), name).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe.each(Object.entries(COMMANDS))('slipstream %s', (command, usage) => {
  const help = formatHelp(usage);

  it('lists every flag in its help, with its variable and what is allowed', () => {
    for (const [name, flag] of Object.entries(usage.flags)) {
      const [, block] = help.split(new RegExp(`^ {2}--${name}(?= )`, 'm'));
      const text = block!.split(/^ {2}--/m)[0]!.replaceAll(/\s+/g, ' ');
      expect(text).toContain(variableOf(name));
      expect(text).toContain(flag.help);
      if ('min' in flag) expect(text).toContain(`from ${flag.min} to ${flag.max}`);
      if ('of' in flag) expect(text).toContain(flag.of!.join(', '));
      if ('allowed' in flag) expect(text).toContain(flag.allowed!.rule);
      if ('default' in flag) expect(text).toContain(`Default: ${flag.default}.`);
    }
  });

  it('says what it is for, in lines that fit a terminal', () => {
    expect(help).toContain(`slipstream ${command}`);
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('has defaults that its own rules allow', () => {
    const env = Object.fromEntries(
      Object.entries(usage.flags).flatMap(([name, flag]) =>
        'default' in flag && flag.default !== undefined ? [[variableOf(name), String(flag.default)]] : [],
      ),
    );
    const { operands, ...flagsOnly } = usage;
    expect(parseFlags(flagsOnly, [], env).values).toEqual(parseFlags(flagsOnly, [], {}).values);
  });
});

it('words made of values are read as the same values', () => {
  const text = fc.string({ minLength: 1, maxLength: 20 }).filter((value) => value.trim() !== '');
  const word = fc.stringMatching(/^[a-z]{1,8}$/);
  const values = fc.record({
    port: fc.integer({ min: 1, max: 65535 }),
    skip: fc.option(fc.integer({ min: -10, max: 10 }), { nil: undefined }),
    speed: fc.double({ min: 0.25, max: 60, noNaN: true }),
    path: fc.option(text, { nil: undefined }),
    code: word,
    files: fc.uniqueArray(fc.stringMatching(/^[-\w./=]{1,9}$/)),
    kinds: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }),
    names: fc.uniqueArray(word),
    form: fc.constantFrom('text', 'json'),
    json: fc.boolean(),
  });
  fc.assert(
    fc.property(values, (some) => {
      expect(parseFlags(USAGE, formatFlags(some), {}).values).toEqual(some);
    }),
  );
});
