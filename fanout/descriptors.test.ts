import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countDescriptors, parseDescriptorLimit, planDescriptors, readDescriptorLimit } from './descriptors.ts';

it('divides what a process may hold', () => {
  expect(planDescriptors(20_000, 25)).toEqual({ connections: 19_775, fans: 19_375 });
  expect(planDescriptors(1024, 25)).toEqual({ connections: 967, fans: 935 });
  expect(planDescriptors(1_000_000, 25)).toEqual({ connections: 999_719, fans: 998_695 });
});

it('never plans for more than there is, and leaves room beside the fans, however little that is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000_000 }), fc.nat(500), (limit, opened) => {
      const { connections, fans } = planDescriptors(limit, opened);
      expect(fans).toBeGreaterThanOrEqual(1);
      expect(fans).toBeLessThan(connections);
      if (limit > opened + 34) expect(connections).toBeLessThanOrEqual(limit - opened - 32);
    }),
  );
});

it('reads the soft limit, and makes no claim where there is none', () => {
  const line = (soft: string) =>
    `Max processes  7  7 processes\nMax open files            ${soft}   1048576   files     \n`;
  expect(parseDescriptorLimit(line('20000'))).toBe(20_000);
  expect(parseDescriptorLimit(line('unlimited'))).toBeUndefined();
  expect(parseDescriptorLimit('')).toBeUndefined();
});

it('knows what this process may hold and holds', () => {
  const asShellSays = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  expect(String(readDescriptorLimit() ?? 'unlimited')).toBe(asShellSays);
  expect(countDescriptors()).toBeGreaterThan(3);
});
