import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { buildPage, isLeftOut } from './chromium.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly pageFolder: string;
  }
}

/** Builds the page once for all browser tests of a run. */
export default async function setup(project: TestProject): Promise<(() => void) | undefined> {
  if (isLeftOut) return undefined;
  const built = await buildPage();
  project.provide('pageFolder', built.folder);
  return built.remove;
}

/** The folder of the built page, as an edge gives it out. */
export const pageFolder = (): string => inject('pageFolder');
