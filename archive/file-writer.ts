import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ArchiveError } from './archive-error.ts';
import { ArchiveWriter } from './archive-writer.ts';
import type { Contents } from './contents.ts';
import type { ArchivedMessage } from './tick-block.ts';

/** Takes the messages of a race, in order. */
export type TakeMessage = (message: ArchivedMessage) => void;

/**
 * Makes an archive file. Under `path` there is nothing until all of it is written and on the disk; then an older file
 * of that name is replaced. Until then it is `<path>.<process id>.part`.
 * @param fill Gives the messages; when it throws, nothing is left behind.
 * @throws {ArchiveError} `cannot_write`, with the reason.
 */
export async function writeArchiveFile(
  path: string,
  race: string,
  fill: (take: TakeMessage) => Promise<void>,
): Promise<Contents> {
  const part = `${path}.${process.pid}.part`;
  const writer = new ArchiveWriter(race);
  const file = guard(path, () => {
    removeLeftovers(path);
    return openSync(part, 'w');
  });
  const write = (bytes: Uint8Array) => guard(path, () => writeAll(file, bytes));
  try {
    write(writer.begin());
    await fill((message) => {
      for (const block of writer.add(message)) write(block);
    });
    for (const block of writer.finish()) write(block);
    guard(path, () => fsyncSync(file));
  } catch (error) {
    closeSync(file);
    rmSync(part, { force: true });
    throw error;
  }
  guard(path, () => {
    closeSync(file);
    renameSync(part, path);
  });
  return writer.contents();
}

function guard<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOSPC' ? 'the disk is full' : message;
    throw new ArchiveError('cannot_write', `The archive ${path} cannot be written: ${reason}.`, { cause });
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** What processes have left behind that were ended from outside. */
function removeLeftovers(path: string): void {
  const prefix = `${basename(path)}.`;
  for (const name of readdirSync(dirname(path))) {
    const pid = name.startsWith(prefix) && /^(\d+)\.part$/.exec(name.slice(prefix.length))?.[1];
    if (pid && !isRunning(Number(pid))) rmSync(join(dirname(path), name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
