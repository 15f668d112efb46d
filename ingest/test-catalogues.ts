import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Catalogue, parseCatalogue } from '../protocol/catalogue.ts';

/** A catalogue of the project, for tests. */
export function readTestCatalogue(name: 'stock-car' | 'formula-1'): Catalogue {
  return parseCatalogue(readFileSync(join(import.meta.dirname, `../protocol/catalogues/${name}.json`), 'utf8'));
}
