import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { ConfigError } from '../protocol/errors.ts';
import type { LogLevel } from './log.ts';

/** What `--spool` says when messages are to wait in memory alone. */
const OFF = 'off';

/**
 * The folder in which messages of a race wait that NATS does not take, `undefined` for memory.
 * @param flag A folder that holds one for each race; `off`; or nothing for the state folder of the user, which is done
 *   without, and said, when it cannot be written.
 * @throws {ConfigError} `bad_spool` when a folder was named that cannot be written.
 */
export function spoolFolder(
  flag: string | undefined,
  race: string,
  say: (level: LogLevel, message: string) => void,
): string | undefined {
  if (flag === OFF) return undefined;
  let folder = '~/.local/state';
  try {
    folder = join(flag === undefined ? stateFolder() : resolve(flag), race);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK | constants.X_OK);
    return folder;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    const what = `The folder ${folder} cannot be used for the spool (${code})`;
    if (flag !== undefined) throw new ConfigError('bad_spool', `${what}; name another with --spool.`, { cause });
    say('warn', `${what}: what NATS does not take waits in memory, until --spool names a folder.`);
    return undefined;
  }
}

/**
 * As the XDG Base Directory Specification has it: what should survive restarts and is no document of the user.
 * @throws what the system says of a user who has no home.
 */
function stateFolder(): string {
  const state = process.env.XDG_STATE_HOME;
  return join(state && isAbsolute(state) ? state : join(homedir(), '.local', 'state'), 'slipstream', 'spool');
}
