import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Catalogue, parseCatalogue } from '../protocol/catalogue.ts';
import { ConfigError } from '../protocol/errors.ts';

const FOLDER = join(import.meta.dirname, '..', 'protocol', 'catalogues');

/** Catalogues that come with Slipstream. */
export const BUILTIN_CATALOGUES = ['stock-car', 'formula-1'] as const;

/** Path of a catalogue given by its name or by the path itself. */
export const catalogueFile = (nameOrPath: string): string =>
  (BUILTIN_CATALOGUES as readonly string[]).includes(nameOrPath) ? join(FOLDER, `${nameOrPath}.json`) : nameOrPath;

/**
 * Reads a catalogue by its name or from a file of one's own.
 * @throws {ConfigError} `no_catalogue`, or `bad_catalogue` with the channel and the field.
 */
export function loadCatalogue(nameOrPath: string): Catalogue {
  const path = catalogueFile(nameOrPath);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(
      'no_catalogue',
      `The catalogue ${path} cannot be read (${(cause as NodeJS.ErrnoException).code}); name ${BUILTIN_CATALOGUES.join(', ')} or the path of a JSON file.`,
      { cause },
    );
  }
  return parseCatalogue(text);
}
