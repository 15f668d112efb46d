import type { EdgeMessage } from '../../protocol/control.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { isEpoch } from '../../protocol/position.ts';

type Check = (value: unknown) => boolean;
type Fields = Readonly<Record<string, Check>>;

const isText: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => typeof value === 'number' && value >= 0;
const isList: Check = Array.isArray;
const isTextsOrMissing: Check = (value) =>
  value === undefined || (Array.isArray(value) && value.every((one) => typeof one === 'string'));
const isOneOf =
  (...list: unknown[]): Check =>
  (value) =>
    list.includes(value);

/** The fields that the client acts on; others may come and are passed on as they are. */
const FIELDS: Readonly<Record<EdgeMessage['type'], Fields>> = {
  welcome: {
    epoch: (value) => typeof value === 'string' && isEpoch(value),
    catalogue: isText,
    reconnectWindowMs: isCount,
    version: isCount,
    tickMs: isCount,
    edge: isText,
  },
  repair: {
    kind: isOneOf('deltas', 'composite', 'snapshot'),
    to: isText,
    ticks: isCount,
    bytes: isCount,
    tookMs: isCount,
  },
  watching: { id: isCount, watch: isList, unknown: isList, channels: isTextsOrMissing },
  rate: { id: isCount, rate: isCount },
  stale: { tick: isCount, sinceMs: isCount, reason: isText },
  session: {
    status: isOneOf('known', 'unknown', 'deleted', 'unavailable'),
    revision: (value) => value === undefined || isCount(value),
  },
  pong: {},
  error: { code: isText, message: isText },
  bye: { reason: isText, reconnectInMs: isCount },
};

/**
 * Reads a text message of an edge.
 * @returns `undefined` for a type that this version does not know: newer edges may say more.
 * @throws {ProtocolError} `bad_message` when a known message is not as it must be.
 */
export function parseEdgeMessage(text: string): EdgeMessage | undefined {
  let value: Record<string, unknown> | null;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError('bad_message', `The edge sent a text that is not JSON: ${text.slice(0, 40)}.`, { cause });
  }
  const type = value?.type;
  if (typeof type !== 'string') throw new ProtocolError('bad_message', 'The edge sent a message without a type.');
  if (!Object.hasOwn(FIELDS, type)) return undefined;
  for (const [field, isGood] of Object.entries(FIELDS[type as EdgeMessage['type']])) {
    if (!isGood(value![field])) throw new ProtocolError('bad_message', `The edge sent a ${type} with a bad ${field}.`);
  }
  return value as unknown as EdgeMessage;
}
