import type { NatsConnection } from '../broker/connection.ts';
import { SessionsBucket, type SessionsBucketOptions } from '../broker/sessions-bucket.ts';
import { SessionDesk } from './session-desk.ts';
import { DEFAULT_SESSION_LIMITS, SessionDoor, type SessionLimits } from './session-door.ts';
import { Sessions, type SessionsOptions } from './sessions.ts';

const DAY_MS = 86_400_000;
const MB = 1_000_000;

/** How an edge keeps sessions. */
export interface SessionSettings extends SessionsBucketOptions {
  readonly limits: Partial<SessionLimits>;
}

export const DEFAULT_SESSION_SETTINGS: SessionSettings = {
  ttlMs: 30 * DAY_MS,
  maxBytes: 256 * MB,
  replicas: 1,
  limits: {},
};

/** The sessions of an edge. Nothing is asked of NATS before a fan asks for a session. */
export function makeSessions(
  connection: NatsConnection,
  asked: Partial<SessionSettings> | undefined,
  facts: Pick<SessionsOptions, 'isConnected' | 'report'>,
): Sessions {
  const settings = { ...DEFAULT_SESSION_SETTINGS, ...asked };
  const limits = { ...DEFAULT_SESSION_LIMITS, ...settings.limits };
  return new Sessions({
    ...facts,
    open: () => SessionsBucket.open(connection, settings),
    door: new SessionDoor(limits),
    desk: new SessionDesk(limits.devices),
    nowMs: () => performance.now(),
  });
}
