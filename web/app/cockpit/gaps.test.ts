import { describe, expect, it } from 'vitest';
import type { RaceDocument, Standing } from '../../client/mod.ts';
import { gapsOf } from './gaps.ts';

const standing = (position: number, gapS: number | null, lapsDown = 0) => ({ position, gapS, lapsDown }) as Standing;
const race = (standings: Record<string, Standing>): Pick<RaceDocument, 'standings'> => ({ standings });
const field = race({
  '48': standing(3, 2.5),
  '24': standing(1, 0),
  '9': standing(2, 1.25),
  '7': standing(4, null, 2),
  '5': standing(5, null, 2),
});

describe('the gaps of a car', () => {
  it.each([
    ['the leader', '24', undefined, { car: '9', gapS: 1.25, laps: 0 }],
    ['a car between two', '9', { car: '24', gapS: 1.25, laps: 0 }, { car: '48', gapS: 1.25, laps: 0 }],
    ['the last on the lead lap', '48', { car: '9', gapS: 1.25, laps: 0 }, { car: '7', gapS: null, laps: 2 }],
    ['a car that was lapped', '7', { car: '48', gapS: null, laps: 2 }, { car: '5', gapS: null, laps: 0 }],
    ['the last car', '5', { car: '7', gapS: null, laps: 0 }, undefined],
    ['a car that is not in the race', '99', undefined, undefined],
  ])('of %s', (_, car, ahead, behind) => {
    expect(gapsOf(field, car)).toEqual({ ahead, behind });
  });

  it('are never below nothing: the line sees cars one after the other', () => {
    const crossed = race({ '1': standing(1, 0.5), '2': standing(2, 0.25) });
    expect(gapsOf(crossed, '2').ahead).toEqual({ car: '1', gapS: 0, laps: 0 });
  });
});
