import { describe, expect, it } from 'vitest';
import { KEYS, type KeyActs, keyFor, type Pressed } from './keys.ts';

function done(pressed: Partial<Pressed>): string {
  const said: string[] = [];
  const say = (name: string) => (value?: unknown) => said.push(value === undefined ? name : `${name} ${value}`);
  const acts: KeyActs = {
    togglePause: say('pause'),
    seekBy: say('seek'),
    goLive: say('live'),
    showDriver: say('driver'),
    showView: say('view'),
    openDrivers: say('drivers'),
    openHelp: say('help'),
  };
  const where = { key: '', isModified: false, on: 'body', isInDialog: false, ...pressed };
  keyFor(where)?.(acts, where.key);
  return said.join();
}

describe('a key', () => {
  it.each([
    [' ', 'pause'],
    ['k', 'pause'],
    ['j', 'seek -10000'],
    ['ArrowLeft', 'seek -10000'],
    ['ArrowRight', 'seek 10000'],
    ['l', 'live'],
    ['1', 'driver 0'],
    ['4', 'driver 3'],
    ['c', 'view car'],
    ['f', 'view field'],
    ['v', 'view compare'],
    ['a', 'view channels'],
    ['d', 'drivers'],
    ['?', 'help'],
    ['x', ''],
    ['5', ''],
  ])('%j does %j', (key, expected) => {
    expect(done({ key })).toBe(expected);
  });

  it.each<[string, Partial<Pressed>]>([
    ['typed into a field', { key: 'l', on: 'input' }],
    ['in a list that is open', { key: 'ArrowLeft', on: 'select' }],
    ['on a button that it presses', { key: ' ', on: 'button' }],
    ['for the browser', { key: 'l', isModified: true }],
    ['in a dialog', { key: 'd', isInDialog: true }],
  ])('is left alone %s', (_, pressed) => {
    expect(done(pressed)).toBe('');
  });

  it('means one thing only', () => {
    const all = KEYS.flatMap(({ keys }) => keys);
    expect(new Set(all).size).toBe(all.length);
  });
});
