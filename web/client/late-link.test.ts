import { describe, expect, it } from 'vitest';
import type { ClientMessage } from '../../protocol/control.ts';
import { LateLink } from './late-link.ts';
import { BROKEN, type LinkListener, type LinkTarget } from './link.ts';

const TARGET: LinkTarget = {
  base: new URL('http://edge/'),
  race: 'oval',
  hello: { version: 1, watch: [], history: 'latest', doc: true, rate: 2 },
};
const PING: ClientMessage = { type: 'ping', id: 7 };

/** A link whose code is here when `arrive` is called, or not to be had. */
function open() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const heard: unknown[] = [];
  const said: unknown[] = [];
  const inner: { target?: LinkTarget; listener?: LinkListener; isDropped: boolean } = { isDropped: false };
  const load = async () => {
    await promise;
    return (target: LinkTarget, listener: LinkListener) => {
      Object.assign(inner, { target, listener });
      const send = (message: ClientMessage) => said.push(message) > 0;
      const drop = () => {
        inner.isDropped = true;
      };
      return { hasUplink: true, send, drop };
    };
  };
  const link = new LateLink(load, TARGET, {
    onMessage: (message) => heard.push(message),
    onLost: (code, reason) => heard.push([code, reason]),
  });
  const settle = () => new Promise((done) => setTimeout(done));
  const arrive = () => {
    resolve();
    return settle();
  };
  const fail = () => {
    reject(new Error('no'));
    return settle();
  };
  return { link, heard, said, inner, arrive, fail };
}

describe('a link whose code is loaded first', () => {
  it('says nothing before it is here, and then what it is given', async () => {
    const { link, heard, said, inner, arrive } = open();
    expect(link.send(PING)).toBe(false);
    await arrive();
    expect(inner.target).toBe(TARGET);
    expect(link.send(PING)).toBe(true);
    expect(said).toEqual([PING]);
    inner.listener!.onMessage('hello');
    inner.listener!.onLost(1000, 'over');
    expect(heard).toEqual(['hello', [1000, 'over']]);
    link.drop();
    expect(inner.isDropped).toBe(true);
  });

  it('is never begun when it is dropped before', async () => {
    const { link, heard, inner, arrive } = open();
    link.drop();
    await arrive();
    expect([inner.target, heard, link.send(PING)]).toEqual([undefined, [], false]);
  });

  it('is lost when its code cannot be had, unless nobody wants it any more', async () => {
    const one = open();
    await one.fail();
    expect(one.heard).toEqual([[BROKEN, 'a part of the program cannot be had: no']]);
    const other = open();
    other.link.drop();
    await other.fail();
    expect(other.heard).toEqual([]);
  });
});
