import { expect, it } from 'vitest';
import { findProxy } from './proxy-binary.ts';

it('finds a proxy by its variable, and says when that names none', () => {
  expect(findProxy('nginx', { NGINX_BIN: process.execPath })).toBe(process.execPath);
  expect(() => findProxy('haproxy', { HAPROXY_BIN: '/no/such/program' })).toThrow('HAPROXY_BIN names /no/such/program');
});
