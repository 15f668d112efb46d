import { describe, expect, it } from 'vitest';
import { linearAxis } from './axis.ts';
import { barChart, lineChart, linePath } from './charts.ts';

describe('linePath', () => {
  const at = (...ys: (number | undefined)[]) => linePath(ys.map((y, n) => ({ x: n * 10, y })));

  it.each([
    ['goes through all points', [1, 2, 3], 'M0.0 1.0L10.0 2.0L20.0 3.0'],
    ['begins anew behind a gap', [1, 2, undefined, 4, 5], 'M0.0 1.0L10.0 2.0M30.0 4.0L40.0 5.0'],
    ['takes what is no number for a gap', [1, Number.NaN, Number.POSITIVE_INFINITY, 4], 'M0.0 1.0M30.0 4.0'],
    ['begins behind gaps at the begin', [undefined, 2, 3], 'M10.0 2.0L20.0 3.0'],
    ['is empty without points', [undefined], ''],
    ['is empty for nothing', [], ''],
  ])('%s', (_what, ys, path) => {
    expect(at(...ys)).toBe(path);
  });
});

describe('lineChart', () => {
  const draw = (ys: readonly (number | undefined)[], names: readonly string[]) =>
    lineChart({
      title: 'a < b',
      x: { axis: linearAxis(10), name: 'fans' },
      y: { axis: linearAxis(10), name: 'ms' },
      series: names.map((name, colour) => ({
        name,
        colour,
        points: ys.map((y, x) => ({ x: x * 5, y, label: `${y} & more` })),
      })),
    });

  it('places the first point at the left and the last at the right, large values above', () => {
    const [first, last] = [...draw([0, 5, 10], ['edge']).matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)]
      .map(([, x, y]) => [Number(x), Number(y)] as const)
      .filter((_point, n) => n !== 1);
    expect(first).toEqual([48, 210]);
    expect(last).toEqual([380, 12]);
  });

  it('has a dot for each value and none for a gap', () => {
    expect(draw([1, undefined, 3], ['edge']).match(/<circle/g)).toHaveLength(2);
  });

  it('has a legend for several lines only', () => {
    expect(draw([1], ['edge'])).not.toContain('legend');
    expect(draw([1], ['edge', 'bare']).match(/<li/g)).toHaveLength(2);
  });

  it('escapes all its text', () => {
    const svg = draw([1], ['<script>', '"x"']);
    expect(svg).toContain('&lt;script&gt;');
    expect(svg).toContain('1 &amp; more');
    expect(svg).toContain('aria-label="a &lt; b, ms"');
    expect(svg).not.toContain('<script>');
  });
});

describe('barChart', () => {
  it('draws bars in proportion, and the note of what has no value', () => {
    const svg = barChart('µs', [
      { name: 'edge', value: 5, note: '5' },
      { name: '<ws>', value: 20, note: '20' },
      { name: 'other', value: undefined, note: 'none & nothing' },
    ]);
    const widths = [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(widths).toEqual([85, 340]);
    expect(svg).toContain('&lt;ws&gt;');
    expect(svg).toContain('none &amp; nothing');
  });
});
