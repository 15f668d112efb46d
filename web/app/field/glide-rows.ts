const GLIDE_MS = 500;
/** Where each row was drawn last, from the top of its table. */
const tops = new WeakMap<HTMLElement, number>();

/** Lets the rows of a table glide from where they were to where they are now; at once for people who want no motion. */
export function glideRows(body: HTMLElement): void {
  const rows = [...body.children] as HTMLElement[];
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  for (const row of rows) {
    const [before, now] = [tops.get(row), row.offsetTop];
    tops.set(row, now);
    if (before === undefined || before === now || isStill) continue;
    row.animate([{ transform: `translateY(${before - now}px)` }, { transform: 'none' }], {
      duration: GLIDE_MS,
      easing: 'ease-out',
    });
  }
}
