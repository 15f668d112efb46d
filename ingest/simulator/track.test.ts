import { expect, it } from 'vitest';
import { createRandom } from './random.ts';
import { createTrack, readTable } from './track.ts';

const track = createTrack(createRandom(1));
const last = track.eastM.length - 1;

it('closes after 2.5 miles, in place and direction', () => {
  expect(track.lengthM).toBeCloseTo(4023.36, 2);
  expect(track.eastM[last]).toBeCloseTo(0, 1);
  expect(track.northM[last]).toBeCloseTo(0, 1);
  expect(track.headingDeg[last]! - track.headingDeg[0]!).toBeCloseTo(-360, 3);
});

it('banks to 31 degrees in the turns and never turns right', () => {
  expect((Math.max(...track.bankRad) * 180) / Math.PI).toBeCloseTo(31, 1);
  expect(Math.min(...track.curvature)).toBeGreaterThanOrEqual(0);
});

it('moves as far on the map as along the line', () => {
  for (let s = 0; s + 3 < track.lengthM; s += 41) {
    const dx = readTable(track, track.eastM, s + 3) - readTable(track, track.eastM, s);
    const dy = readTable(track, track.northM, s + 3) - readTable(track, track.northM, s);
    expect(Math.hypot(dx, dy)).toBeCloseTo(3, 2);
  }
});
