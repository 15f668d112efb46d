import { existsSync, globSync } from 'node:fs';
import { join, resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '..');
const DATA = resolve(PROJECT, process.env.SLIPSTREAM_DATA ?? '../shared/data');

/** The real recordings that tests run on: they are not ours to keep in the project. */
export const recordings = {
  folder: DATA,
  f1Test: join(DATA, 'f1-test-2026'),
  ibt: globSync(join(DATA, 'iracing', '*.ibt')).sort(),
};

/**
 * Whether the tests that need recordings must be left out; says so once. Where `CI` is set they may not be.
 * @throws {Error} when they are missing and `CI` is set.
 */
export function areRecordingsMissing(): boolean {
  if (recordings.ibt.length > 0 && existsSync(recordings.f1Test)) return false;
  const sentence = `The recordings were not found in ${DATA}: set SLIPSTREAM_DATA to their folder.`;
  if (process.env.CI) throw new Error(sentence);
  console.warn(`${sentence} Tests that play them are left out.`);
  return true;
}
