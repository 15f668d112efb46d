import { expect, it } from 'vitest';
import { canKeepCopies, expectCopies } from './copies.ts';

it.each([
  ['2.9.10', false],
  ['2.9.25', false],
  ['2.10.0', true],
  ['2.10.27', true],
  ['2.15.1', true],
  ['3.0.0', true],
])('nats-server %s may keep copies: %s', (version, may) => {
  expect(canKeepCopies(version)).toBe(may);
});

it.each([
  ['2.9.10', undefined, 1, undefined],
  ['2.10.27', undefined, 1, undefined],
  ['2.9.10', 'c', 1, undefined],
  ['2.10.27', 'c', 3, undefined],
  ['2.9.10', 'c', 3, 'nats_too_old'],
  ['2.9.10', undefined, 3, 'nats_too_old'],
  ['2.10.27', undefined, 3, 'nats_alone'],
])('nats-server %s, cluster %s, %i copies: %s', (version, cluster, replicas, code) => {
  const check = () => expectCopies({ version, cluster }, replicas);
  if (code) expect(check).toThrow(expect.objectContaining({ code, retryable: false }));
  else expect(check).not.toThrow();
});
