import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/** One source file: its path from the root, with `/`, and its text. */
type Source = { path: string; text: string };
/** One import: `target` is a path from the root, a `node:` module or the name of an npm package. */
type Import = { path: string; target: string; kind: 'ours' | 'node' | 'npm' };

const ROOT = import.meta.dirname;

/** Which of our folders a folder's files may import. Folders not named here (bench, cli, testing, …) may use all. */
const ARROWS: Record<string, string[]> = {
  protocol: ['protocol'],
  broker: ['broker', 'protocol'],
  archive: ['archive', 'broker', 'protocol'],
  ingest: ['ingest', 'broker', 'protocol'],
  fanout: ['fanout', 'archive', 'broker', 'protocol'],
  'web/client': ['web/client', 'protocol'],
  'web/app': ['web/app', 'web/client', 'protocol'],
};
/** What a folder may take from outside, where that is restricted. */
const OUTSIDE: Record<string, string[]> = {
  protocol: ['msgpackr', 'fast-json-patch', '@noble/hashes'],
  'web/client': [],
};
/** The two services meet in NATS and in `protocol`; this arrow is forbidden to their tests too. */
const STRANGERS = ['ingest', 'fanout'];

const isTestOnly = (path: string) => /\.test\.tsx?$|(^|\/)testing\//.test(path);
const isInside = (folder: string, path: string) => path.startsWith(`${folder}/`);
const folderOf = (path: string) => Object.keys(ARROWS).find((folder) => isInside(folder, path));

function readSources(): Source[] {
  const skipped = /(^|\/)(node_modules|dist|coverage|\.[^/]+)(\/|$)/;
  return readdirSync(ROOT, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|mts|js|mjs)$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => !skipped.test(path))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

function findImports({ path, text }: Source): Import[] {
  // Anchored at the start of a line, so that an example inside a comment is no import.
  const statements = text.matchAll(/^[ \t]*(?:import|export)\b(?:[^;'"`]*?\bfrom)?\s*(['"])([^'"\n]+)\1/gm);
  const calls = text.matchAll(/^(?![ \t]*(?:\*|\/\/)).*?\bimport\(\s*(['"])([^'"\n]+)\1/gm);
  return [...statements, ...calls].map((match) => resolve(path, match[2]!));
}

function resolve(path: string, specifier: string): Import {
  if (specifier.startsWith('.')) {
    return { path, target: posix.join(posix.dirname(path), specifier), kind: 'ours' };
  }
  if (isBuiltin(specifier)) return { path, target: specifier, kind: 'node' };
  const [scope, name] = specifier.split('/');
  return { path, target: specifier.startsWith('@') ? `${scope}/${name}` : scope!, kind: 'npm' };
}

/** Every import that points the wrong way, as "file imports target". */
function findWrongArrows(sources: Source[]): string[] {
  return sources
    .flatMap(findImports)
    .filter((one) => !isAllowed(one))
    .map(({ path, target }) => `${path} imports ${target}`);
}

function isAllowed({ path, target, kind }: Import): boolean {
  const from = folderOf(path);
  const to = folderOf(target);
  if (from && to && from !== to && STRANGERS.includes(from) && STRANGERS.includes(to)) return false;
  if (isTestOnly(path) || isInside('bench', path)) return true;
  if (kind !== 'ours') return !from || (OUTSIDE[from]?.includes(target) ?? true);
  if (isTestOnly(target)) return false;
  return !from || ARROWS[from]!.some((folder) => isInside(folder, target));
}

/** One package, and one place: whoever only reads does not carry what writes. */
const PAIR = ['protocol/pack.ts', 'protocol/unpack.ts'];

/** Every package imported by more than one file, as "package is imported by file, file". */
function findSharedPackages(sources: Source[], packages: string[]): string[] {
  const imports = sources
    .filter(({ path }) => !isTestOnly(path) && !isInside('bench', path))
    .flatMap(findImports)
    .filter(({ kind }) => kind === 'npm');
  return packages
    .map((name) => ({ name, paths: new Set(imports.filter(({ target }) => target === name).map(({ path }) => path)) }))
    .filter(({ paths }) => paths.size > 1 && ![...paths].every((path) => PAIR.includes(path)))
    .map(({ name, paths }) => `${name} is imported by ${[...paths].join(', ')}`);
}

describe('the house', () => {
  const sources = readSources();

  it('has no import against the direction of its folders', () => {
    expect(findWrongArrows(sources)).toEqual([]);
  });

  it('imports each outside library in one file, so that it can be replaced in one place', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(findSharedPackages(sources, Object.keys(dependencies))).toEqual([]);
  });
});

describe('the check of the house', () => {
  // Assembled from parts: written out, these lines would be imports of this file itself.
  const from = (specifier: string) => ['import { a }', 'from', `'${specifier}';`].join(' ');
  const wrong = (path: string, ...lines: string[]) => findWrongArrows([{ path, text: lines.join('\n') }]);

  it.each([
    ['ingest/a.ts', '../fanout/b.ts', 'fanout/b.ts'],
    ['fanout/deep/a.ts', '../../ingest/b.ts', 'ingest/b.ts'],
    ['fanout/a.int.test.ts', '../ingest/b.ts', 'ingest/b.ts'],
    ['protocol/a.ts', '../ingest/b.ts', 'ingest/b.ts'],
    ['protocol/a.ts', 'node:fs', 'node:fs'],
    ['protocol/a.ts', 'buffer', 'buffer'],
    ['protocol/a.ts', 'pino', 'pino'],
    ['web/client/a.ts', 'msgpackr', 'msgpackr'],
    ['web/client/a.ts', '../app/b.ts', 'web/app/b.ts'],
    ['ingest/a.ts', './b.test.ts', 'ingest/b.test.ts'],
    ['ingest/a.ts', '../bench/b.ts', 'bench/b.ts'],
  ])('finds that %s may not import %s', (path, specifier, target) => {
    expect(wrong(path, from(specifier))).toEqual([`${path} imports ${target}`]);
  });

  it.each([
    ['ingest/a.ts', '../protocol/b.ts'],
    ['protocol/a.ts', 'msgpackr'],
    ['protocol/a.test.ts', 'node:fs'],
    ['web/client/a.int.test.ts', '../../fanout/b.ts'],
    ['fanout/a.int.test.ts', '../testing/b.ts'],
    ['bench/a.ts', '../ingest/b.ts'],
    ['slipstream.ts', './cli/b.ts'],
    ['cli/a.ts', '../fanout/b.ts'],
  ])('lets %s import %s', (path, specifier) => {
    expect(wrong(path, from(specifier))).toEqual([]);
  });

  it('reads every form of import, and no comment', () => {
    const f = 'from';
    const text = [
      `import type { A } ${f} './1.ts';`,
      `import {\n  b,\n  c,\n} ${f} './2.ts';`,
      `import './3.ts';`,
      `export * ${f} './4.ts';`,
      `const d = await import('./5.ts');`,
      `type E = import('./6.ts').E;`,
      ` * import { g } ${f} './no.ts';`,
      `// import { g } ${f} './no.ts';`,
      `const h = Array.from('no');`,
    ].join('\n');
    expect(findImports({ path: 'x.ts', text }).map(({ target }) => target)).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => `${n}.ts`),
    );
  });

  it('counts the packages of a scope apart, and neither tests nor bench', () => {
    const text = `${from('@nats-io/kv')}\n${from('msgpackr/pack')}`;
    const sources = ['protocol/a.ts', 'protocol/b.ts', 'protocol/b.test.ts', 'bench/c.ts'].map((path) => ({
      path,
      text,
    }));
    expect(findSharedPackages(sources, ['@nats-io/kv', '@nats-io/jetstream', 'msgpackr'])).toEqual([
      '@nats-io/kv is imported by protocol/a.ts, protocol/b.ts',
      'msgpackr is imported by protocol/a.ts, protocol/b.ts',
    ]);
  });
});
