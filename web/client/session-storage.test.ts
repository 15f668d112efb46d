import { describe, expect, it } from 'vitest';
import { EMPTY_SESSION, type Session } from '../../protocol/session.ts';
import { openSession, readSessionLink, type SessionOptions } from './session.ts';
import { SessionKeeper, type SessionStorage } from './session-storage.ts';

class MapStorage implements SessionStorage {
  readonly map = new Map<string, string>();
  getItem(key: string) {
    return this.map.get(key) ?? null;
  }
  setItem(key: string, value: string) {
    this.map.set(key, value);
  }
  removeItem(key: string) {
    this.map.delete(key);
  }
}

const ID = 'AAAAAAAAAAAAAAAAAAAAAA';
const OTHER = 'BAAAAAAAAAAAAAAAAAAAAA';
const THIRD = 'CAAAAAAAAAAAAAAAAAAAAA';
const session: Session = { tvDelayMs: { value: 4, atMs: 1 }, races: new Map() };
const throwing: SessionStorage = {
  getItem: () => {
    throw new Error('forbidden');
  },
  setItem: () => {
    throw new Error('full');
  },
  removeItem: () => {
    throw new Error('forbidden');
  },
};
const open = (storage: SessionStorage, id?: string) =>
  openSession({ url: 'http://127.0.0.1:1', storage, ...(id === undefined ? {} : { id }) });

describe('what a device keeps of its session', () => {
  it('is there again when it starts anew', () => {
    const storage = new MapStorage();
    new SessionKeeper(storage).take({ id: ID, session });
    expect(new SessionKeeper(storage).read()).toEqual({ id: ID, session });
  });

  it.each(['', 'x', `${ID}A`, '{}', ID, `${ID}{"version":9}`])('does no harm when it is damaged: %j', (text) => {
    const storage = new MapStorage();
    storage.setItem('slipstream-session', text);
    const kept = new SessionKeeper(storage).read();
    expect([undefined, ID]).toContain(kept?.id);
    if (kept) expect(kept.session).toEqual(EMPTY_SESSION);
  });

  it('is not needed: a storage that is not there, full or forbidden keeps nothing', () => {
    for (const storage of [undefined, throwing]) {
      const keeper = new SessionKeeper(storage);
      keeper.take({ id: ID, session });
      keeper.forget(ID);
      expect(keeper.read()).toBeUndefined();
    }
  });

  it('is changed and forgotten only if another session has not taken its place', () => {
    const storage = new MapStorage();
    const keeper = new SessionKeeper(storage);
    keeper.take({ id: ID, session });
    keeper.forget(OTHER);
    keeper.update({ id: OTHER, session: EMPTY_SESSION });
    expect(keeper.read()).toEqual({ id: ID, session });
    keeper.update({ id: ID, session: EMPTY_SESSION });
    expect(keeper.read()).toEqual({ id: ID, session: EMPTY_SESSION });
    keeper.forget(ID);
    expect(storage.map.size).toBe(0);
  });
});

describe('opening a session', () => {
  it('gives this device the one that it had, or a new one that it keeps', () => {
    const storage = new MapStorage();
    const first = open(storage);
    expect(first.status).toBe('new');
    first.close();
    const again = open(storage);
    expect(again.id).toBe(first.id);
    again.close();
    const other = open(new MapStorage());
    expect(other.id).not.toBe(first.id);
    other.close();
  });

  it('takes over that of a link and nothing of its own, which it has back when it leaves', () => {
    const storage = new MapStorage();
    const opened = (options: Partial<SessionOptions> = {}) => {
      const it = openSession({ url: 'http://127.0.0.1:1', storage, ...options });
      it.close();
      return [it.id, it.tvDelayMs];
    };
    new SessionKeeper(storage).take({ id: OTHER, session });
    expect(opened({ id: OTHER })).toEqual([OTHER, 4]);
    expect(opened({ id: ID })).toEqual([ID, 0]);
    expect(opened()).toEqual([ID, 0]);
    expect(opened({ id: THIRD })).toEqual([THIRD, 0]);
    expect(opened({ own: true })).toEqual([OTHER, 4]);
    expect(opened()).toEqual([OTHER, 4]);
    const [fresh] = opened({ own: true });
    expect([ID, OTHER, THIRD]).not.toContain(fresh);
    expect(opened()).toEqual([fresh, 0]);
    expect(opened({ id: ID })).toEqual([ID, 0]);
    new SessionKeeper(storage).forget(ID);
    expect(opened()).toEqual([fresh, 0]);
  });

  it('refuses an id that is none, and settings that no edge would store; nothing is changed then', () => {
    const storage = new MapStorage();
    expect(() => open(storage, 'short')).toThrow(/copy the whole link/);
    const opened = open(storage);
    opened.setTvDelay(3000);
    const cars = Array.from({ length: 250 }, (_, n) => ({ car: `${n}`, view: 'own' }));
    const keys = Array.from({ length: 500 }, (_, n) => `channel_with_a_long_name_${n}`);
    const bad = [
      () => opened.setTvDelay(-1),
      () => opened.setTvDelay(600_001),
      () => opened.setTvDelay(Number.NaN),
      () => opened.setFavourites(['24', '24']),
      () => opened.setFavourites(['a b']),
      () => opened.choose('demo', [{ car: 'a b' }]),
      () => opened.choose('a b', [{ car: '24' }]),
      () => opened.choose('demo', [{ car: '24', view: 'own' }]),
      () => opened.choose('demo', cars, keys),
    ];
    for (const act of bad) expect(act).toThrow(expect.objectContaining({ name: 'ConfigError' }));
    expect([opened.tvDelayMs, opened.favourites, opened.choiceOf('demo')]).toEqual([3000, [], undefined]);
    opened.close();
  });

  it('writes a link whose fragment holds the id, and reads it back', () => {
    const opened = open(new MapStorage());
    const link = new URL(opened.link('https://fans.example/live/?race=demo&car=24#old'));
    expect(link.search).toBe('?race=demo&car=24');
    expect(link.href.split('#')[0]).not.toContain(opened.id);
    expect(readSessionLink(link.hash)).toBe(opened.id);
    for (const hash of ['', '#', '#session=', '#session=short', `#session=${opened.id}&x`, `#car=24`])
      expect(readSessionLink(hash)).toBeUndefined();
    opened.close();
  });
});
