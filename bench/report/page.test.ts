import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeHtml } from './html.ts';
import { breakName, renderPage } from './page.ts';
import { latenciesOf, plotResults } from './plots.ts';
import { formatCell, formatTable, isPercentiles, isTable } from './results.ts';

const PERCENTILES = { 0: 1, 50: 10, 99: 30, 99.9: 40, 100: 60 };
const HEAD = { bench: 'peers', command: 'npm run bench -- peers', machine: { cpu: 'EPYC', cores: 2, memory_gb: 24 } };
const titles = (results: Record<string, unknown>) =>
  plotResults(results).map((figure) => /<figcaption>(.*?)<\/figcaption>/.exec(figure)![1]);

describe('escapeHtml', () => {
  it('leaves no sign that opens or ends a tag, an attribute or an entity, and loses nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('<', '>', '&', '"', "'", ';', 'a', '#') }), (text) => {
        const escaped = escapeHtml(text);
        expect(escaped).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/);
        const back = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' } as Record<string, string>;
        expect(escaped.replace(/&[^;]+;/g, (entity) => back[entity]!)).toBe(text);
      }),
    );
  });
});

describe('results', () => {
  it.each([
    [[{ a: 1 }], true],
    [[], false],
    [[1], false],
    [[[1]], false],
    [{ a: 1 }, false],
  ])('%j is a table: %s', (value, is) => {
    expect(isTable(value)).toBe(is);
  });

  it.each([
    [PERCENTILES, true],
    [{}, false],
    [{ p50: 1 }, false],
    [{ '': 1 }, false],
    [{ 101: 1 }, false],
    [{ 50: '1' }, false],
    [[1], false],
    [undefined, false],
  ])('%j are percentiles: %s', (value, are) => {
    expect(isPercentiles(value)).toBe(are);
  });

  it.each([
    [undefined, ''],
    [null, ''],
    [12345.678, '12,345.678'],
    ['text', 'text'],
    [true, 'true'],
    [[1.5, 2000], '1.5, 2,000'],
    [{ a: 1 }, '{"a":1}'],
  ])('%j stands in a cell as %j', (value, text) => {
    expect(formatCell(value)).toBe(text);
  });

  it('aligns a table for a terminal, with room for what some rows lack', () => {
    expect(
      formatTable([
        { server: 'edge', ms: 5, percentiles: PERCENTILES },
        { server: 'ws', problem: 'none' },
      ]),
    ).toEqual(['server  ms  problem', 'edge     5', 'ws          none']);
  });
});

describe('plotResults', () => {
  it('shows one distribution for each of what was measured', () => {
    expect(Object.keys(latenciesOf({ percentiles: PERCENTILES, raw_percentiles: PERCENTILES }))).toEqual([
      'Slipstream edge',
      'bare uWebSockets.js',
    ]);
    expect(Object.keys(latenciesOf({ series: { ws: PERCENTILES, 'Socket.IO': PERCENTILES, no: 1 } }))).toEqual([
      'ws',
      'Socket.IO',
    ]);
    expect(latenciesOf({ percentiles: 5, series: [] })).toEqual({});
  });

  it('draws percentiles in their order, though 99.9 stands behind 100 in an object', () => {
    const [figure] = plotResults({ percentiles: PERCENTILES });
    const labels = [...figure!.matchAll(/<title>.*?: ([\d.]+)%/g)].map(([, percentile]) => percentile);
    expect(labels).toEqual(['0', '50', '99', '99.9', '100']);
  });

  it('gives a server the same colour as bar and as line, also when another one took no fans', () => {
    const rows = [
      { server: 'edge', cpu_us_per_fan_tick: 5 },
      { server: 'ws', problem: 'no' },
      { server: 'nats', cpu_us_per_fan_tick: 9 },
    ];
    const [bars, lines] = plotResults({ rows, series: { edge: PERCENTILES, nats: PERCENTILES } });
    expect(bars).toContain('could not take the fans');
    expect(bars).toMatch(/<g class="c3"><text[^>]*>nats/);
    expect(lines).toContain('<li class="c3">nats');
  });

  it('plots what steps have over their fans, with gaps', () => {
    const steps = [
      { fans: 1000, p50_ms: 5, p99_ms: 9, edge_core_share: 0.1, nats_core_share: 0.02, rss_mb: 100 },
      { fans: 2000, p50_ms: 6, p99_ms: 12, edge_core_share: null, nats_core_share: 0.03, rss_mb: 130 },
    ];
    expect(titles({ steps })).toEqual([
      'From the close of a tick to the fan, by fans, ms, log scale',
      'Processor shares, cores',
      'Memory, MB',
    ]);
    expect(plotResults({ steps })[1]!.match(/<circle/g)).toHaveLength(3);
  });

  it.each([[{}], [{ rows: [] }], [{ rows: [{ a: 1 }] }], [{ steps: [{ fans: '1', p50_ms: 2 }] }], [{ steps: 3 }]])(
    'shows nothing for %j',
    (results) => {
      expect(plotResults(results)).toEqual([]);
    },
  );
});

describe('breakName', () => {
  it.each([
    ['fans', ['fans']],
    ['p50_ms', ['p50_', 'ms']],
    ['cpu_us_per_fan_tick', ['cpu_us_per_', 'fan_tick']],
    ['rss_bytes_per_fan', ['rss_bytes_', 'per_fan']],
  ])('%s becomes %j', (name, lines) => {
    expect(breakName(name)).toEqual(lines);
  });
});

describe('renderPage', () => {
  it('names bench, command and machine, and shows tables, scalars and percentiles', () => {
    const rows = [{ server: 'ws', p99_ms: 36 }];
    const page = renderPage({ ...HEAD, fans: 1500, rows, series: { ws: PERCENTILES } });
    expect(page).toContain('<h1>peers</h1>');
    expect(page).toContain('<pre>npm run bench -- peers</pre>');
    expect(page).toContain('EPYC · 2 cores · 24 GB');
    expect(page).toContain('<td class="number">1,500</td>');
    expect(page).toContain('<td>ws</td><td class="number">36</td>');
    expect(page).toContain('<td class="number">99.9</td><td class="number">40</td>');
  });

  it('holds no address of the network and nothing that runs, whatever the results say', () => {
    const evil = '</style><script src="//x"></script><img onerror="1">&\'';
    const page = renderPage({
      ...HEAD,
      bench: evil,
      command: evil,
      finished_at: evil,
      machine: { [evil]: evil, cpu: evil },
      [evil]: evil,
      list: [evil],
      object: { [evil]: [{ evil }] },
      rows: [{ server: evil, [evil]: evil, cpu_us_per_fan_tick: 1 }],
      series: { [evil]: PERCENTILES },
      steps: [{ fans: 1, [`${evil}_core_share`]: 1 }],
    });
    // Text may say anything; what counts is which tags and attributes there are.
    const tags = [...page.matchAll(/<([a-z][a-z0-9]*)([^>]*)>/g)];
    expect(tags.filter(([, tag]) => /^(script|img|link|iframe|object|a)$/.test(tag!))).toEqual([]);
    expect(tags.filter(([, , attributes]) => /\b(src|href|on\w+)="/.test(attributes!))).toEqual([]);
    expect(tags.filter(([, tag]) => tag === 'style')).toHaveLength(1);
    expect(page).not.toContain('url(');
  });
});
