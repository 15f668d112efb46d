import { pino } from 'pino';
import type { ConnectionEvent } from '../broker/connection.ts';

export type LogLevel = 'info' | 'warn' | 'error';
export type Log = (level: LogLevel, message: string, facts?: Record<string, unknown>) => void;

/**
 * What the services say, on standard error: `json` for machines, `text` for people.
 * @param who Name of the process, such as `edge 1`.
 */
export function createLog(format: string, who: string): Log {
  if (format === 'json') {
    const logger = pino({ name: who, base: { pid: process.pid } }, pino.destination({ fd: 2, sync: true }));
    return (level, message, facts) => logger[level](facts ?? {}, message);
  }
  return (level, message, facts) => {
    const time = new Date().toTimeString().slice(0, 8);
    const mark = level === 'info' ? '' : `${level === 'warn' ? 'warning' : level}: `;
    const detail = facts ? ` ${JSON.stringify(facts)}` : '';
    process.stderr.write(`${time} ${who.padEnd(8)} ${mark}${message}${detail}\n`);
  };
}

/** Says what happens to the connection to NATS. */
export const tellOfNats =
  (log: Log) =>
  (event: ConnectionEvent, server: string): void =>
    log(event === 'disconnected' ? 'warn' : 'info', `NATS ${server}: ${event}.`);
