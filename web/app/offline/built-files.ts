/** A file of the build. */
export interface BuiltFile {
  /** Below the folder of the page. */
  readonly path: string;
  /** As browsers check it: `sha256-…`. */
  readonly integrity: string;
}

/** What the service worker of one build knows of it. */
export interface BuiltFiles {
  /** Another one for every other content. */
  readonly version: string;
  /** Without these the page stays white: they are kept together with it, or it is not kept. */
  readonly needed: readonly BuiltFile[];
  /** Parts that are loaded when somebody wants them, and icons. */
  readonly later: readonly BuiltFile[];
}

/** Maps of sources are for developers, and the page itself is kept apart. */
const isLeftOut = (path: string): boolean => path.endsWith('.map') || path === 'index.html';

/** Splits the files of a build by whether the page names them: those are what a browser loads at once. */
export function splitFiles(
  page: string,
  files: readonly BuiltFile[],
): { readonly needed: BuiltFile[]; readonly later: BuiltFile[] } {
  const kept = files.filter(({ path }) => !isLeftOut(path)).sort((a, b) => (a.path < b.path ? -1 : 1));
  const isNeeded = ({ path }: BuiltFile) => path.startsWith('assets/') && page.includes(path);
  return { needed: kept.filter(isNeeded), later: kept.filter((file) => !isNeeded(file)) };
}

/**
 * Whether a page is of this build. While a build is being deployed a browser may get the page of one and the worker of
 * another; kept together they would be a white page.
 */
export const isPageOf = (page: string, needed: readonly BuiltFile[]): boolean =>
  needed.every(({ path }) => page.includes(path));

/** Paths of the built files that a page loads at once. */
export const findParts = (page: string): string[] => [...new Set(page.match(/\bassets\/[\w.-]+/g) ?? [])];
