import { expect, it } from 'vitest';
import { parseClientMessage } from './control.ts';
import { EMPTY_SESSION, formatSession } from './session.ts';
import { formatKnownSession } from './session-messages.ts';
import { attempt } from './testing/bytes.ts';

const limits = { maxCars: 5, catalogue: undefined, hasOwnView: false };
const read = (value: unknown) => attempt(() => parseClientMessage(JSON.stringify(value), limits));
const ID = 'AAAAAAAAAAAAAAAAAAAAAA';

it('a client asks for a session by its id, or for none', () => {
  expect(read({ type: 'session', id: ID })).toEqual({ result: { type: 'session', id: ID } });
  expect(read({ type: 'session', id: null })).toEqual({ result: { type: 'session', id: null } });
});

it.each([undefined, '', 7, {}, `${ID}A`, `${ID.slice(1)}B`])(
  'an id that is none is refused and not said again: %j',
  (id) => {
    expect(read({ type: 'session', id })).toEqual({ code: 'bad_session' });
    const error = (() => {
      try {
        return parseClientMessage(JSON.stringify({ type: 'session', id }), limits);
      } catch (thrown) {
        return (thrown as Error).message;
      }
    })();
    if (typeof id === 'string' && id !== '') expect(error).not.toContain(id);
  },
);

it('the news of a session is JSON, whatever text is stored', () => {
  expect(JSON.parse(formatKnownSession(7, formatSession(EMPTY_SESSION)))).toEqual({
    ...{ type: 'session', status: 'known', revision: 7 },
    session: { version: 1, races: {} },
  });
});
