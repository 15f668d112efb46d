import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLeftOut, titleOf } from '../testing/chromium.ts';
import { type PageStage, startPageStage } from './testing/page-stage.ts';

const DRIVERS = new Map([
  ['9', 'Chase Ellery'],
  ['24', 'William Byrd'],
  ['48', 'Alex Boland'],
  ['07', 'Ross Chandler'],
  ['5', 'Kyle Larsen'],
  ['11', 'Denis Hamel'],
  ['22', 'José Logan'],
]);

// One fan's evening: each test goes on where the one before has left the page.
describe.skipIf(isLeftOut)(titleOf('the drivers of a fan'), () => {
  let stage: PageStage;
  let page: Page;

  beforeAll(async () => {
    stage = await startPageStage(12, { drivers: DRIVERS });
    page = await stage.open('?race=demo&car=9');
    await stage.isAtTick(page);
  });

  afterAll(async () => {
    await stage?.stop();
    expect(stage?.problems).toEqual([]);
  });

  /** What elements are marked with, in the order in which they stand. */
  const marksOf = (mark: string, of = page) =>
    of.$$eval(`[data-${mark}]`, (all, name) => all.map((one) => one.getAttribute(`data-${name}`)), mark);
  const addressOf = (of = page) => of.evaluate(() => location.search);
  const find = async (text: string) => {
    await page.fill('#driver-search', text);
    return marksOf('add');
  };
  const sayFound = () => page.textContent('#drivers .search [role=status]');
  /** Waits until the car fills the page. */
  const showsInFront = (car: string, of = page) =>
    of.waitForFunction((start) => document.querySelector('#car-name')?.textContent?.startsWith(start), `#${car} `);

  it('are found by a part of the name or by the number, and are four at most', async () => {
    await page.keyboard.press('d');
    await page.waitForSelector('#driver-search');
    expect(await marksOf('add')).toEqual(['5', '07', '9', '11', '22', '24', '48']);
    expect(await find('LARS')).toEqual(['5']);
    await page.click('[data-add="5"]');
    expect(await find('#24')).toEqual(['24']);
    await page.click('[data-add="24"]');
    expect(await find('jose log')).toEqual(['22']);
    expect(await sayFound()).toBe('1 driver');
    await page.click('[data-add="22"]');
    expect(await find('zzz')).toEqual([]);
    expect(await page.textContent('#drivers .all')).toContain('Nobody is called so');
    await find('');
    expect(await sayFound()).toBe('4 are chosen: remove one to add another.');
    expect(await page.isDisabled('[data-add="11"]')).toBe(true);
    expect(await marksOf('picked')).toEqual(['9', '5', '24', '22']);
    expect(await addressOf()).toBe('?race=demo&car=9,5,24,22');
  });

  it('stand in the order that the fan wants, in the address too', async () => {
    await page.click('button[aria-label="Move #5 Kyle Larsen up"]');
    expect(await marksOf('picked')).toEqual(['5', '9', '24', '22']);
    expect(await addressOf()).toBe('?race=demo&car=5,9,24,22&on=9');
    await page.click('button[aria-label="Move #24 William Byrd down"]');
    expect(await addressOf()).toBe('?race=demo&car=5,9,22,24&on=9');
    // The one in front goes, the next one comes forward.
    await page.click('button[aria-label="Remove #9 Chase Ellery"]');
    expect(await addressOf()).toBe('?race=demo&car=5,22,24&on=22');
    expect(await sayFound()).toBe('7 drivers');
    await page.click('[data-add="48"]');
    expect(await addressOf()).toBe('?race=demo&car=5,22,24,48&on=22');
    expect(await marksOf('driver')).toEqual(['5', '22', '24', '48']);
  });

  it('and the favorites among them are there after a reload, and on another device', async () => {
    await page.click('[data-favourite="11"]');
    await page.click('[data-favourite="48"]');
    const isAsChosen = async (of: Page) => {
      await of.keyboard.press('d');
      await of.waitForSelector('#driver-search');
      expect(await marksOf('picked', of)).toEqual(['5', '22', '24', '48']);
      expect(await marksOf('add', of)).toEqual(['11', '48', '5', '07', '9', '22', '24']);
      expect(await of.$$eval('[data-favourite][aria-pressed=true]', (all) => all.length)).toBe(2);
      await of.click('#drivers-close');
    };
    await page.reload();
    await stage.publish(page);
    await isAsChosen(page);
    expect(await addressOf()).toBe('?race=demo&car=5,22,24,48&on=22');
    await page.click('#devices-open');
    const link = await page.inputValue('#session-link');
    await page.waitForFunction(
      () => document.querySelector('#session-status')?.textContent === 'Saved for all devices.',
    );
    await page.click('#devices-close');
    const phone = await stage.open(link.slice(stage.edge.url.length + 1), { viewport: { width: 390, height: 844 } });
    await phone.waitForSelector('[data-driver="48"]');
    await stage.publish(phone);
    await isAsChosen(phone);
    await phone.context().close();
  });

  it('are shown by the keys 1 to 4 with every value, and without asking for anything', async () => {
    await page.keyboard.press('a');
    // In a race that stood still the page asks again for cars that it was promised: with a tick they are here.
    await stage.publish(page);
    const receipt = await page.textContent('#receipt');
    const repairs = structuredClone(stage.edge.stats().races.demo!.tally.repairs);
    const keys = stage.rig.catalogue.channels.map(({ key }) => key);
    for (const [n, car] of ['5', '22', '24', '48'].entries()) {
      await page.keyboard.press(String(n + 1));
      await showsInFront(car);
      await stage.isAtTick(page);
      for (let tick = 0; tick < 2; tick++) {
        const shown = await page.$$eval('[data-channel]', (cells) =>
          Object.fromEntries(cells.map((cell) => [cell.getAttribute('data-channel'), cell.textContent])),
        );
        expect(shown).toEqual(Object.fromEntries(keys.map((key) => [key, stage.textOf(car, key)])));
        await stage.publish(page);
      }
    }
    expect(await page.textContent('#receipt')).toBe(receipt);
    expect(stage.edge.stats().races.demo!.tally.repairs).toEqual(repairs);
  });

  it('are the same four, with the same one in front, for a friend who opens the address', async () => {
    await page.keyboard.press('3');
    await showsInFront('24');
    const address = await addressOf();
    expect(address).toBe('?race=demo&car=5,22,24,48&on=24&view=channels');
    const friend = await stage.open(address);
    await stage.isAtTick(friend);
    await showsInFront('24', friend);
    expect(await marksOf('driver', friend)).toEqual(['5', '22', '24', '48']);
    expect(await friend.getAttribute('.driver[aria-pressed=true]', 'data-driver')).toBe('24');
    expect(await addressOf(friend)).toBe(address);
  });
});
