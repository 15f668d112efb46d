import { pack } from '../protocol/pack.ts';

/** A request as the HTTP routes see it. */
export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly accept: string;
  readonly acceptEncoding: string;
  readonly ifNoneMatch: string;
  /** Has `act` called when whoever asked is gone before there is an answer. */
  readonly onGone: (act: () => void) => void;
}

/** A whole answer. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
  /** May wait until no tick goes out. @defaultValue false */
  readonly isPatient?: boolean;
}

const MESSAGE_PACK = /application\/(x-|vnd\.)?msgpack/i;

/** Whether MessagePack is wanted and not JSON. */
export const wantsMessagePack = ({ accept }: Ask): boolean => MESSAGE_PACK.test(accept);

/** A value as JSON, or as MessagePack for whoever accepts nothing else first. */
export function answerValue(ask: Ask, value: unknown, status = 200, headers: Record<string, string> = {}): Reply {
  const base = { 'Cache-Control': 'no-store', Vary: 'Accept', ...headers };
  if (wantsMessagePack(ask))
    return { status, headers: { 'Content-Type': 'application/msgpack', ...base }, body: pack(value) };
  return {
    status,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ...base },
    body: `${JSON.stringify(value)}\n`,
  };
}

/** An error for programs (`error`, stable) and people (`message`). */
export const answerError = (
  ask: Ask,
  status: number,
  error: string,
  message: string,
  headers: Record<string, string> = {},
): Reply => answerValue(ask, { error, message }, status, headers);

/** What is over of a race is there, and cannot be read now. */
export const answerPastUnread = (ask: Ask): Reply =>
  answerError(ask, 503, 'not_ready', 'The past of the race cannot be read at the moment; try again in a second.', {
    'Retry-After': '1',
  });

/** Text that the client may keep, under an identity of its content. */
export function answerTagged(
  ask: Ask,
  body: string | Uint8Array,
  etag: string,
  headers: Record<string, string>,
): Reply {
  const tagged = { ETag: etag, ...headers };
  const isKnown = ask.ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
  return isKnown ? { status: 304, headers: tagged, body: '' } : { status: 200, headers: tagged, body };
}
