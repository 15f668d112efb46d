import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { withStyle } from './inline-style.ts';

const PAGE = `<head><meta content="script-src 'self'; style-src 'self'; img-src 'self'"></head><body></body>`;

describe('the style sheet in the page', () => {
  it('is all that the policy allows, by its hash', () => {
    const style = "a{content:'$&$1'}";
    const hash = createHash('sha256').update(style).digest('base64');
    expect(withStyle(PAGE, style).replace(/\s+/g, ' ')).toBe(
      `<head><meta content="script-src 'self'; style-src 'self' 'sha256-${hash}'; img-src 'self'"> <style>${style}</style> </head><body></body>`,
    );
  });

  it.each([
    ['ends its element', PAGE, 'a::after{content:"</STYLE>"}', /cannot stand in a page/],
    ['has no head', '<body>', 'a{}', /must have a head/],
    ['has no policy', '<head></head>', 'a{}', /and a policy/],
  ])('is refused where it %s', (_, page, style, sentence) => {
    expect(() => withStyle(page, style)).toThrow(sentence);
  });
});
