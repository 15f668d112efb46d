import { describe, expect, it } from 'vitest';
import type { Limits } from '../client/mod.ts';
import { type Severity, severityOf } from './limits.ts';

const BOTH = { alarmBelow: 2, warnBelow: 4, warnAbove: 6, alarmAbove: 8 };

describe('how bad a value is', () => {
  it.each<[string, Limits | undefined, number | null, Severity]>([
    ['missing', BOTH, null, 'unknown'],
    ['missing, without limits', undefined, null, 'unknown'],
    ['no number', BOTH, Number.NaN, 'unknown'],
    ['without limits', undefined, 1e9, 'ok'],
    ['far below', BOTH, -1e9, 'alarm'],
    ['just below the lower alarm', BOTH, 1.9, 'alarm'],
    ['on the lower alarm', BOTH, 2, 'warn'],
    ['just below the lower warning', BOTH, 3.9, 'warn'],
    ['on the lower warning', BOTH, 4, 'ok'],
    ['in the middle', BOTH, 5, 'ok'],
    ['on the upper warning', BOTH, 6, 'ok'],
    ['just above the upper warning', BOTH, 6.1, 'warn'],
    ['on the upper alarm', BOTH, 8, 'warn'],
    ['just above the upper alarm', BOTH, 8.1, 'alarm'],
    ['far above', BOTH, 1e9, 'alarm'],
    ['low where only high is bad', { warnAbove: 6, alarmAbove: 8 }, -1e9, 'ok'],
    ['high where only low is bad', { warnBelow: 4, alarmBelow: 2 }, 1e9, 'ok'],
    ['beyond the only warning', { warnAbove: 6 }, 1e9, 'warn'],
    ['beyond the only alarm', { alarmBelow: 2 }, 1, 'alarm'],
    ['on the only alarm', { alarmBelow: 2 }, 2, 'ok'],
    ['below a warning that is the alarm', { warnBelow: 2, alarmBelow: 2 }, 1.9, 'alarm'],
    ['below the warning at zero', { warnBelow: 0 }, -0.1, 'warn'],
    ['zero at the warning at zero', { warnBelow: 0 }, 0, 'ok'],
  ])('%s', (_, limits, value, severity) => {
    expect(severityOf(value, limits)).toBe(severity);
  });
});
