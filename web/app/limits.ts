import type { Limits } from '../client/mod.ts';

export type Severity = 'ok' | 'warn' | 'alarm' | 'unknown';

/**
 * How bad a value is. On a limit itself it is still good; without limits every value is.
 *
 * @param value In the unit of the channel, as its limits are; `unknown` while it is missing.
 */
export function severityOf(value: number | null, limits: Limits | undefined): Severity {
  if (value === null || Number.isNaN(value)) return 'unknown';
  const isBeyond = (below = Number.NEGATIVE_INFINITY, above = Number.POSITIVE_INFINITY) =>
    value < below || value > above;
  if (isBeyond(limits?.alarmBelow, limits?.alarmAbove)) return 'alarm';
  return isBeyond(limits?.warnBelow, limits?.warnAbove) ? 'warn' : 'ok';
}
