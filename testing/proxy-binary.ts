import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const USUAL_FOLDERS = ['/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin'];
const VARIABLES = { nginx: 'NGINX_BIN', haproxy: 'HAPROXY_BIN' } as const;

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there or not ours to run: the next place is asked.
    return false;
  }
}

/**
 * Path of a proxy: its variable (`NGINX_BIN`, `HAPROXY_BIN`), else the PATH, else the usual folders; `undefined` where
 * it is not installed, as before `node setup.mjs --proxies`.
 * @throws {Error} when the variable names no program.
 */
export function findProxy(
  name: keyof typeof VARIABLES,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  const named = env[VARIABLES[name]];
  if (named && !isProgram(named))
    throw new Error(`${VARIABLES[name]} names ${named}, which is no program; correct or unset it.`);
  const folders = [...(env.PATH ?? '').split(delimiter), ...USUAL_FOLDERS];
  return named || folders.map((folder) => join(folder, name)).find(isProgram);
}
