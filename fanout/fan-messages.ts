import { ERROR_CODES, type ErrorCode } from '../protocol/codes.ts';
import {
  type ClientMessage,
  type ControlLimits,
  type Hello,
  MAX_CONTROL_BYTES,
  NEXT_ID,
  parseClientMessage,
  parseQuery,
} from '../protocol/control.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { Fan } from './fan.ts';
import type { FanSet } from './fan-set.ts';

export const limitsOf = (fans: FanSet, fan: Fan): ControlLimits => ({
  maxCars: fans.limits.maxCars,
  catalogue: fans.delivery?.state.catalogue,
  hasOwnView: fan.choice?.list !== undefined,
});

const isErrorCode = (code: string): code is ErrorCode => (ERROR_CODES as readonly string[]).includes(code);

function refuse(fans: FanSet, fan: Fan, error: unknown): void {
  if (!(error instanceof ProtocolError) || !isErrorCode(error.code)) throw error;
  fans.tally.refused++;
  fan.say({ type: 'error', code: error.code, message: error.message });
}

/**
 * Takes the query of a fan's URL. A query that cannot be read ends the connection for good: the same address would
 * end the same way. One that does not name a watch leaves the fan to say hello.
 */
export function receiveQuery(fans: FanSet, fan: Fan, query: string, nowMs: number): void {
  let hello: Hello | undefined;
  try {
    hello = parseQuery(query, limitsOf(fans, fan));
  } catch (error) {
    refuse(fans, fan, error);
    fans.close(fan, 'bad_message');
  }
  if (hello) fans.greet(fan, hello, nowMs);
}

/** Takes what a fan that was just greeted wants next, as if it had said it in messages. */
export function receiveNext(fans: FanSet, fan: Fan, { next, badNext }: Hello, nowMs: number): void {
  if (fan.stage !== 'live') return;
  if (badNext) refuse(fans, fan, badNext);
  const { watch, channels, rate, resync } = next ?? {};
  if (watch) fans.watch(fan, NEXT_ID, { watch, ...(channels && { channels }) });
  if (rate) fans.setRate(fan, NEXT_ID, rate, nowMs);
  if (resync) fans.resync(fan, nowMs);
}

function offenceOf(fans: FanSet, fan: Fan, bytes: Uint8Array, isBinary: boolean, nowMs: number) {
  if (isBinary) return 'bad_message';
  if (bytes.length > MAX_CONTROL_BYTES) return 'too_large';
  return fan.isTalkingTooMuch(nowMs, fans.limits.maxMessagesPerSecond) ? 'too_many' : undefined;
}

/** Whatever holds the connection of a fan, where sessions can be had. */
export interface SessionHolder {
  /** @param id `undefined` for none. @returns whether there is room for the device. */
  attachSession(id: string | undefined): boolean;
}

/** Takes a message of a fan. Nothing that it says can throw here or reach another fan. */
export function receiveMessage(
  fans: FanSet,
  fan: Fan,
  bytes: Uint8Array,
  isBinary: boolean,
  nowMs: number,
  holder?: SessionHolder,
): void {
  if (fan.stage === 'gone') return;
  const offence = offenceOf(fans, fan, bytes, isBinary, nowMs);
  if (offence) {
    fans.close(fan, offence);
    return;
  }
  try {
    answer(fans, fan, parseClientMessage(new TextDecoder().decode(bytes), limitsOf(fans, fan)), nowMs, holder);
  } catch (error) {
    refuse(fans, fan, error);
  }
  if (fan.sink.bufferedBytes() > fans.limits.maxControlBytes) fans.close(fan, 'timeout');
}

/**
 * Takes a ping of the WebSocket itself. It counts as a message: its answer waits in memory for a fan that reads
 * nothing, whatever may wait there otherwise.
 */
export function receivePing(fans: FanSet, fan: Fan, nowMs: number): void {
  if (fan.stage !== 'gone' && fan.isTalkingTooMuch(nowMs, fans.limits.maxMessagesPerSecond))
    fans.close(fan, 'too_many');
}

function answer(fans: FanSet, fan: Fan, message: ClientMessage, nowMs: number, holder?: SessionHolder): void {
  switch (message.type) {
    case 'ping':
      fan.say({ type: 'pong', id: message.id });
      break;
    case 'hello':
      if (fan.stage !== 'new')
        throw new ProtocolError('bad_message', 'hello was said already; choose anew with watch.');
      fans.greet(fan, message, nowMs);
      break;
    case 'watch':
      expectLive(fan, message);
      fans.watch(fan, message.id, message);
      break;
    case 'rate':
      expectLive(fan, message);
      fans.setRate(fan, message.id, message.rate, nowMs);
      break;
    case 'resync':
      expectLive(fan, message);
      fans.resync(fan, nowMs);
      break;
    case 'session':
      expectLive(fan, message);
      if (!holder?.attachSession(message.id ?? undefined))
        throw new ProtocolError('bad_session', 'This session has too many devices at this edge.');
      break;
  }
}

function expectLive(fan: Fan, { type }: ClientMessage): void {
  if (fan.stage !== 'live') throw new ProtocolError('not_greeted', `Say hello before ${type}.`);
}
