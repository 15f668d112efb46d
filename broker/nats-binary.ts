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
 * Path of nats-server: `NATS_SERVER_BIN`, else the PATH, else the usual folders.
 * @throws {ConfigError} `no_nats_server`.
 */
export function findNatsServer(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = env.NATS_SERVER_BIN;
  if (named) {
    if (isProgram(named)) return named;
    throw new ConfigError(
      'no_nats_server',
      `NATS_SERVER_BIN names ${named}, which is no program; correct or unset it.`,
    );
  }
  const folders = [...(env.PATH ?? '').split(delimiter), ...USUAL_FOLDERS];
  const found = folders.map((folder) => join(folder, 'nats-server')).find(isProgram);
  if (!found)
    throw new ConfigError(
      'no_nats_server',
      'nats-server was not found; run node setup.mjs, or name it in NATS_SERVER_BIN.',
    );
  return found;
}
