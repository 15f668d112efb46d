import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RaceDocument } from '../../../protocol/document.ts';
import { isLeftOut, titleOf } from '../../testing/chromium.ts';
import { START_AT_MS } from '../../testing/race-rig.ts';
import { LAP_RACE } from '../compare/testing/lap-race.ts';
import { type PageStage, startPageStage } from '../testing/page-stage.ts';

const WAIT = { timeout: 20_000 };
/** From here on the second is first. */
const PASSED_AT = 140;
const atMs = (tick: number) => START_AT_MS + tick * 500;

/** The race of known laps, in which one car passes the other, was in the pits, and a caution came. */
function documentAt(tick: number): RaceDocument {
  const race = LAP_RACE.documentAt!(tick);
  const [first, second] = tick < PASSED_AT ? ['24', '9'] : ['9', '24'];
  return {
    ...race,
    standings: {
      [first]: { ...race.standings[first]!, position: 1, gapS: 0 },
      [second]: { ...race.standings[second]!, position: 2, gapS: 0.25, stops: 1 },
    },
    laps: [{ lap: 1, atMs: atMs(0) }],
    flags: [
      { flag: 'green', atMs: atMs(0) },
      { flag: 'yellow', atMs: atMs(60) },
      { flag: 'green', atMs: atMs(80) },
    ],
    control: [{ text: 'Debris in turn 2', atMs: atMs(61) }],
    pitStops: [{ car: '9', lap: 2, inAtMs: atMs(62), outAtMs: atMs(86) }],
  };
}

describe.skipIf(isLeftOut)(titleOf('the field'), () => {
  let stage: PageStage;
  let page: Page;

  beforeAll(async () => {
    stage = await startPageStage(1, { ...LAP_RACE, documentAt });
    // More than a lap: the page that comes then knows the track from the past.
    await stage.rig.publish(121);
  });
  afterEach(async () => {
    await page?.context().close();
    expect(stage.problems).toEqual([]);
  });
  afterAll(() => stage?.stop());

  const row = (car: string) => page.locator(`[data-row="${car}"]`);

  it('shows the order, and who wins and loses a place; stops and the age of the tires', async () => {
    page = await stage.open('?race=demo&car=9&view=field');
    await stage.isAtTick(page);
    const order = () => page.$$eval('[data-row]', (rows) => rows.map((one) => (one as HTMLElement).dataset.row));
    await expect.poll(order, WAIT).toEqual(['24', '9']);
    const lap = stage.rig.document.standings['9']!.lap!;
    expect((await row('9').locator('td').allTextContents()).slice(-3)).toEqual(['1', 'lap 2', `${lap - 2} laps`]);
    await stage.publish(page, PASSED_AT - stage.rig.tick);
    await expect.poll(order, WAIT).toEqual(['9', '24']);
    expect(await row('9').locator('.moved').textContent()).toBe('▲1');
    expect(await row('24').locator('.moved').textContent()).toBe('▼1');
  });

  it('tells what happened, and goes there', async () => {
    page = await stage.open('?race=demo&car=9&view=field');
    await stage.isAtTick(page);
    await page.waitForSelector('.message');
    expect(await page.locator('.message span').allTextContents()).toEqual([
      '#9 is back on the track after 12.0 s',
      'Green, lap 1',
      '#9 comes to the pits, lap 2',
      'Debris in turn 2',
      'Caution, lap 1',
      'Green, lap 1',
    ]);
    await page.waitForSelector('#time-track:enabled');
    await page.locator('.message.yellow button').click();
    await page.waitForFunction(
      ([from, to]) => Number(document.body.dataset.tick) >= from! && Number(document.body.dataset.tick) <= to!,
      [59, 110],
    );
    expect(await page.textContent('#time-where')).toMatch(/^Playing, 0:\d\d behind live\.$/);
  });

  it('asks once for what was driven before, also where that does not make the track whole', async () => {
    let asked = 0;
    page = await stage.open('?race=demo&car=24');
    await page.route('**/history*', (route) => {
      asked++;
      return route.abort();
    });
    await page.goto(`${stage.edge.url}/?race=demo&car=24&view=field`);
    await stage.isAtTick(page);
    await expect.poll(() => asked, WAIT).toBeGreaterThan(0);
    // The client asks some times for what it does not get; the map does not, however many pictures come.
    for (let n = 0; n < 8; n++) await stage.publish(page);
    expect(asked).toBeLessThanOrEqual(4);
    stage.forgive(/ERR_FAILED/);
  });

  /** Where the car in front is drawn: the middle of all pixels of its color, in px. */
  const findMarker = () =>
    page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('.map canvas')!;
      const context = canvas.getContext('2d')!;
      const probe = document.createElement('canvas').getContext('2d')!;
      probe.fillStyle = getComputedStyle(canvas).getPropertyValue('--car-1');
      probe.fillRect(0, 0, 1, 1);
      const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
      const { data, width } = context.getImageData(0, 0, canvas.width, canvas.height);
      let [x, y, count] = [0, 0, 0];
      for (let at = 0; at < data.length; at += 4) {
        if (data[at] !== red || data[at + 1] !== green || data[at + 2] !== blue) continue;
        x += (at / 4) % width;
        y += Math.floor(at / 4 / width);
        count++;
      }
      return count === 0 ? undefined : { x: Math.round(x / count), y: Math.round(y / count) };
    });

  /** Every place at which the car was drawn from now on until it stands. */
  async function watchMarker(): Promise<{ x: number; y: number }[]> {
    const places: { x: number; y: number }[] = [];
    for (let still = 0; still < 8; ) {
      const place = (await findMarker())!;
      const last = places.at(-1);
      still = last && last.x === place.x && last.y === place.y ? still + 1 : 0;
      if (still === 0) places.push(place);
      await page.waitForTimeout(40);
    }
    return places;
  }

  it('draws a track that nobody described, and the cars glide from tick to tick', async () => {
    page = await stage.open('?race=demo&car=24&view=field');
    await stage.isAtTick(page);
    await page.waitForSelector('.map canvas[aria-label="Map of the track with 2 cars."]');
    const before = (await watchMarker()).at(-1)!;
    await stage.publish(page);
    const places = await watchMarker();
    const after = places.at(-1)!;
    expect(Math.hypot(after.x - before.x, after.y - before.y)).toBeGreaterThan(5);
    expect(places.length).toBeGreaterThan(2);
    for (const { x, y } of places) {
      expect(x).toBeGreaterThanOrEqual(Math.min(before.x, after.x) - 2);
      expect(x).toBeLessThanOrEqual(Math.max(before.x, after.x) + 2);
      expect(y).toBeGreaterThanOrEqual(Math.min(before.y, after.y) - 2);
      expect(y).toBeLessThanOrEqual(Math.max(before.y, after.y) + 2);
    }
  });
});
