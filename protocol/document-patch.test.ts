import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyPatch, diffDocuments } from './document-patch.ts';

describe('document patches', () => {
  it('lead from any JSON document to any other and leave both alone', () => {
    const json = fc.dictionary(
      fc.string().filter((key) => !['__proto__', 'prototype', 'constructor'].includes(key)),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(json, json, (a, b) => {
        const [before, after] = JSON.parse(JSON.stringify([a, b]));
        const kept = JSON.stringify(before);
        expect(applyPatch(before, diffDocuments(before, after))).toEqual(after);
        expect(JSON.stringify(before)).toBe(kept);
      }),
    );
  });

  it.each([
    ['no list', { op: 'add' }],
    ['no operation', [null]],
    ['an unknown operation', [{ op: '_get', path: '/a' }]],
    ['no path', [{ op: 'remove' }]],
    ['a place that does not exist', [{ op: 'replace', path: '/no/where', value: 1 }]],
    ['an index far away', [{ op: 'add', path: '/list/4000', value: 1 }]],
    ['a value that is missing', [{ op: 'add', path: '/a' }]],
    ['a test that fails', [{ op: 'test', path: '/a', value: 2 }]],
    ['__proto__', [{ op: 'add', path: '/__proto__/polluted', value: 1 }]],
    [
      'a prototype by a detour',
      [
        { op: 'copy', from: '/constructor', path: '/b' },
        { op: 'add', path: '/b/prototype/polluted', value: 1 },
      ],
    ],
    ['copies without end', Array.from({ length: 30 }, (_, n) => ({ op: 'copy', from: '', path: `/c${n}` }))],
  ])('with %s is refused', (_, operations) => {
    expect(() => applyPatch({ a: 1, list: [] }, operations)).toThrow(
      expect.objectContaining({ name: 'ProtocolError', code: 'bad_patch' }),
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
