import { expect, it } from 'vitest';
import { clusterEnvFor } from './cluster-server.ts';

it.each([
  ['2.10.0', { GOMAXPROCS: '1' }],
  ['2.10.27', { GOMAXPROCS: '1' }],
  ['2.11.0', {}],
  ['2.15.1', {}],
])('nats-server %s of a cluster is started with %o', (version, env) => {
  expect(clusterEnvFor(version)).toEqual(env);
});
