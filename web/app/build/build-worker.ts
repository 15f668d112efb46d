import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'vite';
import { type BuiltFile, splitFiles } from '../offline/built-files.ts';

/**
 * Builds the service worker into `sw.js` in the root of the built page: its name never changes, and its place is its
 * scope. It is one file that imports nothing, and knows what else was built.
 */
export function buildWorker(): Plugin {
  let publicFolder = '';
  return {
    name: 'slipstream-service-worker',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      publicFolder = config.publicDir;
    },
    generateBundle: {
      order: 'post',
      async handler(_, bundle) {
        const built = Object.values(bundle).map(
          (file) => [file.fileName, file.type === 'chunk' ? file.code : file.source] as const,
        );
        const page = built.find(([path]) => path === 'index.html')?.[1];
        if (page === undefined) throw new Error('The build has no index.html, which the service worker is to keep.');
        const files = [...built, ...readPublic(publicFolder)].map(([path, content]) => describeFile(path, content));
        const { needed, later } = splitFiles(String(page), files);
        const program = await buildProgram();
        const version = digest(program + JSON.stringify([page, needed, later]), 'hex').slice(0, 12);
        const source = `const BUILT_FILES = ${JSON.stringify({ version, needed, later })};\n${program}`;
        this.emitFile({ type: 'asset', fileName: 'sw.js', source });
      },
    },
  };
}

/** Files that are copied as they are; the bundle does not have them. */
function readPublic(folder: string): [path: string, content: Uint8Array][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path.slice(folder.length + 1).replaceAll('\\', '/'), readFileSync(path)]);
}

const describeFile = (path: string, content: string | Uint8Array): BuiltFile => ({
  path,
  integrity: `sha256-${digest(content, 'base64')}`,
});

const digest = (content: string | Uint8Array, encoding: 'hex' | 'base64'): string =>
  createHash('sha256').update(content).digest(encoding);

async function buildProgram(): Promise<string> {
  const result = await build({
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: {
        input: join(import.meta.dirname, '../offline/service-worker.ts'),
        output: { format: 'iife' },
      },
    },
  });
  const [chunk, ...others] = 'output' in result ? result.output : [];
  if (chunk === undefined || others.length > 0)
    throw new Error('The service worker was not built into one file: it may load nothing later.');
  return chunk.code;
}
