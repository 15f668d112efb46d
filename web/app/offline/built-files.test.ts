import { expect, it } from 'vitest';
import { findParts, isPageOf, splitFiles } from './built-files.ts';

const PAGE =
  '<link href="./icons/180.png"><script src="./assets/index-AAAAAAAA.js"></script><link href="./assets/index-BBBBBBBB.css">';
const file = (path: string) => ({ path, integrity: `sha256-${path}` });
const pathsOf = (files: readonly { path: string }[]) => files.map(({ path }) => path);

it('what the page names is needed, the rest may come later, and maps never', () => {
  const names = [
    'index.html',
    'manifest.webmanifest',
    'icons/180.png',
    'assets/index-BBBBBBBB.css',
    'assets/chart-CCCCCCCC.js',
    'assets/index-AAAAAAAA.js',
    'assets/index-AAAAAAAA.js.map',
  ];
  const { needed, later } = splitFiles(PAGE, names.map(file));
  expect(pathsOf(needed)).toEqual(['assets/index-AAAAAAAA.js', 'assets/index-BBBBBBBB.css']);
  expect(pathsOf(later)).toEqual(['assets/chart-CCCCCCCC.js', 'icons/180.png', 'manifest.webmanifest']);
});

it('a page of another build, or of none, is told from this one', () => {
  const needed = ['assets/index-AAAAAAAA.js', 'assets/index-BBBBBBBB.css'].map(file);
  expect(isPageOf(PAGE, needed)).toBe(true);
  // What stands in between may add something of its own.
  expect(isPageOf(`${PAGE}<!-- seen by a proxy -->`, needed)).toBe(true);
  expect(isPageOf(PAGE.replace('AAAAAAAA', 'DDDDDDDD'), needed)).toBe(false);
  expect(isPageOf('<h1>Welcome to our hotel</h1>', needed)).toBe(false);
});

it('the parts that a page needs stand in it', () => {
  expect(findParts(PAGE + PAGE)).toEqual(['assets/index-AAAAAAAA.js', 'assets/index-BBBBBBBB.css']);
  expect(findParts('<h1>Welcome to our hotel</h1>')).toEqual([]);
});
