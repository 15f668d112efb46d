import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ConfigError } from '../protocol/errors.ts';

const USUAL_FOLDERS = ['/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

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
 * Path of a program: what its variable names, else the PATH, else the usual folders; `undefined` where it is nowhere.
 * @throws {ConfigError} `no_<name>` when the variable names something that is no program.
 */
export function findProgram(
  name: string,
  variable: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  const named = env[variable];
  if (named && !isProgram(named))
    throw new ConfigError(
      `no_${name.replaceAll('-', '_')}`,
      `${variable} names ${named}, which is no program; correct or unset it.`,
    );
  const folders = [...(env.PATH ?? '').split(delimiter), ...USUAL_FOLDERS];
  return named || folders.map((folder) => join(folder, name)).find(isProgram);
}

/**
 * Path of nats-server; its variable is `NATS_SERVER_BIN`.
 * @throws {ConfigError} `no_nats_server`.
 */
export function findNatsServer(env?: Readonly<Record<string, string | undefined>>): string {
  const found = findProgram('nats-server', 'NATS_SERVER_BIN', env);
  if (found) return found;
  throw new ConfigError(
    'no_nats_server',
    'nats-server was not found; run node setup.mjs, or name it in NATS_SERVER_BIN.',
  );
}
