import { escapeHtml } from './html.ts';
import { latenciesOf, plotResults } from './plots.ts';
import { columnsOf, formatCell, isPercentiles, isTable, type Results, type Row } from './results.ts';
import { STYLE } from './style.ts';

/** Shown at the top, not in the table. */
const HEAD_KEYS = ['bench', 'command', 'finished_at', 'machine'];

/** The name of a column on at most two lines, of which no other break makes the longer one shorter. */
export function breakName(name: string): readonly string[] {
  const breaks = [...name.matchAll(/_/g)].map(({ index }) => [name.slice(0, index + 1), name.slice(index + 1)]);
  const longest = (lines: readonly string[]) => Math.max(...lines.map(({ length }) => length));
  return breaks.reduce((best, lines) => (longest(lines) < longest(best) ? lines : best), [name]);
}

function cell(value: unknown): string {
  return `<td${typeof value === 'number' ? ' class="number"' : ''}>${escapeHtml(formatCell(value))}</td>`;
}

function table(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  const head = columns.map((name) => {
    const isNumber = rows.some((row) => typeof row[name] === 'number');
    return `<th scope="col"${isNumber ? ' class="number"' : ''}>${breakName(name).map(escapeHtml).join('<br>')}</th>`;
  });
  const body = rows.map((row) => `<tr>${columns.map((name) => cell(row[name])).join('')}</tr>`);
  return `<div class="wide" tabindex="0"><table><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

function pairs(entries: readonly (readonly [string, unknown])[]): string {
  const rows = entries.map(([key, value]) => `<tr><th scope="row">${escapeHtml(key)}</th>${cell(value)}</tr>`);
  return `<table class="pairs"><tbody>${rows.join('')}</tbody></table>`;
}

function percentileTable(results: Results): string {
  const latencies = Object.entries(latenciesOf(results));
  if (latencies.length === 0) return '';
  const percentiles = [...new Set(latencies.flatMap(([, values]) => Object.keys(values)))].map(Number);
  const rows = percentiles
    .sort((a, b) => a - b)
    .map((percentile) => ({
      percentile,
      ...Object.fromEntries(latencies.map(([name, values]) => [name, values[percentile]])),
    }));
  return `<details><summary>Percentiles, ms</summary>${table(rows)}</details>`;
}

function header(results: Results): string {
  const machine = (results.machine ?? {}) as Record<string, unknown>;
  const words = Object.entries(machine).map(([key, value]) => {
    if (key === 'cores') return `${value} cores`;
    if (key === 'memory_gb') return `${value} GB`;
    return key === 'node' ? `Node ${value}` : formatCell(value);
  });
  const facts = [words.join(' · '), results.finished_at]
    .filter(Boolean)
    .map((fact) => `<p>${escapeHtml(String(fact))}</p>`);
  return `<header><h1>${escapeHtml(String(results.bench))}</h1><pre>${escapeHtml(String(results.command))}</pre>${facts.join('')}</header>`;
}

/** The results of one bench as a page that needs nothing else: no script, no network. */
export function renderPage(results: Results): string {
  const entries = Object.entries(results).filter(([key]) => !HEAD_KEYS.includes(key));
  const tables = entries.filter((entry): entry is [string, readonly Row[]] => isTable(entry[1]));
  const rest = entries.filter(([key, value]) => !isTable(value) && !isPercentiles(value) && key !== 'series');
  const sections = [
    ...tables.map(
      ([key, rows]) => `<section>${key === 'rows' ? '' : `<h2>${escapeHtml(key)}</h2>`}${table(rows)}</section>`,
    ),
    `<section class="plots">${plotResults(results).join('')}</section>`,
    `<section><h2>results</h2>${pairs(rest)}${percentileTable(results)}</section>`,
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(String(results.bench))}: Slipstream bench</title>
<style>${STYLE}</style>
</head>
<body>
${header(results)}
<main>
${sections.join('\n')}
</main>
</body>
</html>
`;
}
