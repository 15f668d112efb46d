import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonObjects } from './json-objects.ts';

const MAX = 10_000;

function find(text: string, sizes: readonly number[] = [text.length + 8], maxBytes = MAX) {
  const objects = new JsonObjects(maxBytes);
  const bytes = Buffer.from(text);
  const found: (string | undefined)[] = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = Math.max(1, sizes[n % sizes.length]!);
    found.push(...objects.push(bytes.subarray(at, at + size)).map((one) => one.text));
    at += size;
  }
  found.push(...objects.finish().map((one) => one.text));
  return { found, strayBytes: objects.strayBytes };
}

describe('objects in a text', () => {
  it('are found whatever stands between them and however the text is cut', () => {
    const frames: ((texts: string[]) => string)[] = [
      (texts) => texts.join('\n'),
      (texts) => `\ufeff[${texts.join(',\r\n')}]\n`,
      (texts) => texts.join(''),
      (texts) => `${texts.join('\n\n')}\nSource: https://example.org/feed.json`,
      (texts) => `https://example.org/feed.json\n\n${texts.join('\n')}`,
    ];
    const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
    fc.assert(
      fc.property(
        fc.array(object, { maxLength: 5 }),
        fc.constantFrom(...frames),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (values, frame, isIndented, sizes) => {
          const texts = values.map((value) => JSON.stringify(value, null, isIndented ? 2 : 0));
          expect(find(frame(texts), sizes).found).toEqual(texts);
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    ['{"a":1', [undefined]],
    ['{"a":"x\n{"b":2}', [undefined, '{"b":2}']],
    ['{"a":[1,2\n{"b":2}\n{"c":3}', [undefined, '{"b":2}', '{"c":3}']],
    ['{"a":\n{"b":2}}', ['{"a":\n{"b":2}}']],
    ['}}]"{"b":2}', ['{"b":2}']],
    ['{"}":"\\"}"}{}', ['{"}":"\\"}"}', '{}']],
    ['', []],
  ])('that are damaged cost no other: %j', (text, expected) => {
    expect(find(text).found).toEqual(expected);
  });

  it('are given up when they are too long, and only they', () => {
    const long = `{"a":"${'x'.repeat(200)}"}`;
    expect(find(`{"a":1}\n${long}\n{"b":2}`, [7], 100).found).toEqual(['{"a":1}', undefined, '{"b":2}']);
  });

  it('say how much stood between them', () => {
    expect(find('\ufeff[ {} ,\n{}]\nSource: x').strayBytes).toBe('Source:x'.length);
  });
});
