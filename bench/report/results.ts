/** What a bench gives: scalars, tables and percentiles by name. */
export type Results = Readonly<Record<string, unknown>>;
export type Row = Readonly<Record<string, unknown>>;
/** Values at percentiles from 0 to 100. */
export type Percentiles = Readonly<Record<string, number>>;

const isRecord = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a value is a table: a list of objects with at least one. */
export const isTable = (value: unknown): value is readonly Row[] =>
  Array.isArray(value) && value.length > 0 && value.every(isRecord);

export function isPercentiles(value: unknown): value is Percentiles {
  if (!isRecord(value)) return false;
  const entries = Object.entries(value);
  return entries.length > 0 && entries.every(([key, at]) => isPercent(key) && typeof at === 'number');
}

const isPercent = (key: string) => key.trim() !== '' && Number(key) >= 0 && Number(key) <= 100;

/** Names of the columns of a table, in the order in which they first come; percentiles are too many for a cell. */
export const columnsOf = (rows: readonly Row[]): string[] =>
  [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !rows.some((row) => isPercentiles(row[name])));

/** A value in one cell: nothing for none, 12,345.6 for a number. */
export function formatCell(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') return value.toLocaleString('en-US', { maximumFractionDigits: 6 });
  if (Array.isArray(value) && !value.some((entry) => typeof entry === 'object')) {
    return value.map(formatCell).join(', ');
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Lines of a table for a terminal; numbers stand at the right. */
export function formatTable(rows: readonly Row[]): string[] {
  const columns = columnsOf(rows).map((name) => {
    const cells = [name, ...rows.map((row) => formatCell(row[name]))];
    const width = Math.max(...cells.map(({ length }) => length));
    const isNumber = rows.some((row) => typeof row[name] === 'number');
    return cells.map((cell) => (isNumber ? cell.padStart(width) : cell.padEnd(width)));
  });
  return [-1, ...rows.keys()].map((n) =>
    columns
      .map((cells) => cells[n + 1])
      .join('  ')
      .trimEnd(),
  );
}
