const REDUCED = matchMedia('(prefers-reduced-motion: reduce)');

/** Whether the fan does not mind that things move. Asked with every picture: the browser keeps the answer. */
export const mayMove = (): boolean => !REDUCED.matches;
