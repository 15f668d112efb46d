import type { Plugin } from 'vite';

/**
 * The builds of msgpackr without `new Function`, so that the page runs under a strict Content-Security-Policy; and where it only
 * reads, the one that cannot write, which has half the size.
 */
export function msgpackr(): Plugin {
  return {
    name: 'slipstream-msgpackr',
    enforce: 'pre',
    resolveId(source, importer) {
      if (source !== 'msgpackr') return undefined;
      const isReader = importer?.endsWith('/protocol/unpack.ts');
      return this.resolve(`msgpackr/${isReader ? 'unpack' : 'index'}-no-eval`, importer);
    },
  };
}
