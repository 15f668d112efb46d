/** What is noted inside a page; times in ms since its navigation began. */
export interface Probe {
  /** From the first turn of {@link watchFrames}. */
  readonly frameGapsMs: number[];
  readonly longTasksMs: number[];
}

declare global {
  interface Window {
    probe: Probe;
    /** A function of the bench: the page has drawn a value of the chosen car for the first time. */
    tellFirstValue(afterMs: number): void;
  }
}

/** Runs in the page before its own scripts: tells when `data-tick` of its body, which names the tick on show, is first set. */
export function tellWhenDrawn(): void {
  const observer = new MutationObserver(() => {
    if (!document.body?.dataset.tick) return;
    observer.disconnect();
    window.tellFirstValue(performance.now());
  });
  observer.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-tick'] });
}

/** Runs in the page: from now on notes the time between frames, and tasks longer than 50 ms. */
export function watchFrames(): void {
  const probe: Probe = { frameGapsMs: [], longTasksMs: [] };
  window.probe = probe;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) probe.longTasksMs.push(duration);
  }).observe({ type: 'longtask' });
  let before: number | undefined;
  const turn = (atMs: number) => {
    if (before !== undefined) probe.frameGapsMs.push(atMs - before);
    before = atMs;
    requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);
}
