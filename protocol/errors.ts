/**
 * Base of every error we throw on purpose. `code` is stable and meant for programs; the message is one sentence
 * for people: what, which value, which limit, how to mend it. Nobody may match on message text.
 */
export class TelemetryError extends Error {
  readonly code: string;
  /** Whether the same call can succeed later without a change of input. */
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** A flag, an environment variable, a catalogue or another file that a person wrote is wrong. */
export class ConfigError extends TelemetryError {}

/** Bytes or a message from outside break the protocol; the bytes must not be used. */
export class ProtocolError extends TelemetryError {}

/** A source of frames cannot be opened or read. */
export class SourceError extends TelemetryError {}

/** NATS refused, is away, or holds something other than what we left there. */
export class BrokerError extends TelemetryError {}

/**
 * A few words on a value from outside, for a message. Never looks inside lists and objects: what is nested deeply
 * enough would exhaust the stack.
 */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return value === undefined ? 'missing' : String(value);
}
