import { mayMove } from './motion.ts';

const GLIDE_MS = 500;
/** The first pictures of a page are drawn by then. */
const QUIET_MS = 1000;
/** Where each row was drawn last, from the top of its table. */
const tops = new WeakMap<HTMLElement, number>();

/** Lets the rows of a table glide from where they were to where they are now; at once for people who want no motion. */
export function glideRows(body: HTMLElement): void {
  const rows = [...body.children] as HTMLElement[];
  // Out of sight nothing is laid out, and nobody sees it glide.
  if (!isInSight(body)) {
    for (const row of rows) tops.delete(row);
    return;
  }
  // Nothing to glide from: the browser is asked where they are when it knows, and not before its first picture.
  if (!rows.some((row) => tops.has(row))) {
    setTimeout(() => isInSight(body) && note(rows), QUIET_MS);
    return;
  }
  const before = rows.map((row) => tops.get(row));
  note(rows);
  if (!mayMove()) return;
  for (const [n, row] of rows.entries()) {
    const by = (before[n] ?? tops.get(row)!) - tops.get(row)!;
    if (by === 0) continue;
    const motion = [{ transform: `translateY(${by}px)` }, { transform: 'none' }];
    row.animate(motion, { duration: GLIDE_MS, easing: 'ease-out' });
  }
}

const isInSight = (body: HTMLElement): boolean => body.checkVisibility({ contentVisibilityAuto: true });

function note(rows: readonly HTMLElement[]): void {
  for (const row of rows) tops.set(row, row.offsetTop);
}
