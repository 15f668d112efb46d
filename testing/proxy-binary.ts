import { findProgram } from '../broker/nats-binary.ts';

const VARIABLES = { nginx: 'NGINX_BIN', haproxy: 'HAPROXY_BIN' } as const;

/**
 * Path of a proxy, found like nats-server; `undefined` where it is not installed, as before `node setup.mjs --proxies`.
 * @throws {ConfigError} `no_nginx`, `no_haproxy` when the variable names no program.
 */
export const findProxy = (
  name: keyof typeof VARIABLES,
  env?: Readonly<Record<string, string | undefined>>,
): string | undefined => findProgram(name, VARIABLES[name], env);
