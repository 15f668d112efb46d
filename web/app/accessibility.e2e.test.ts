import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findViolations } from '../testing/axe.ts';
import { isLeftOut, titleOf } from '../testing/chromium.ts';
import { VIEWS } from './page/address.ts';
import { type PageStage, startPageStage } from './testing/page-stage.ts';
import { sayFlag } from './words.ts';

const CARS = ['9', '24', '48', '07'];
const DIALOGS = ['drivers', 'devices', 'details', 'help'];
/** What comes when it is wanted. */
const VIEW_IS_THERE = {
  car: '.cockpit .pinned canvas',
  field: '.field',
  compare: '.compare',
  channels: '#channels',
} as const;
/** A degree of latitude is some 111 km: cars go on by 60 m in a tick. */
const STEP_DEG = 60 / 111_000;

describe.skipIf(isLeftOut)(titleOf('the page, for everybody'), () => {
  let stage: PageStage;
  let page: Page;

  beforeAll(async () => {
    stage = await startPageStage(11, {
      drive: (tick, car, key) => {
        if (key === 'lat') return 29 + tick * STEP_DEG;
        if (key === 'lon') return -81 + CARS.indexOf(car) / 1000;
        return undefined;
      },
      // The first two change places with every tick.
      orderAt: (tick) => (tick % 2 === 0 ? CARS : ['24', '9', '48', '07']),
    });
    page = await stage.open('?race=demo&car=24,9,48&view=channels');
    await stage.isAtTick(page);
    await page.click('[data-pin=water_temp]');
  });

  afterAll(async () => {
    await stage?.stop();
    expect(stage?.problems).toEqual([]);
  });

  const activeId = () => page.evaluate(() => document.activeElement?.id);

  it.each([
    ['light', 1366],
    ['dark', 1366],
    ['dark', 390],
  ] as const)(
    'breaks no rule of accessibility in any view or dialog, %s, %i pixels wide',
    async (colorScheme, width) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      const found: unknown[] = [];
      const look = async (where: string, within?: string) =>
        found.push(...(await findViolations(page, within)).map((one) => ({ where, ...one })));
      for (const view of VIEWS) {
        await page.click(`[data-view=${view}]`);
        await page.waitForSelector(VIEW_IS_THERE[view]);
        await stage.publish(page);
        await look(view);
      }
      for (const name of DIALOGS) {
        await page.click(`#${name}-open`);
        await page.waitForSelector(`#${name}-close`);
        await look(name, `#${name}`);
        await page.click(`#${name}-close`);
      }
      expect(found).toEqual([]);
    },
  );

  it('leads the Tab key to everything that can be used, first past the head, and shows where it is', async () => {
    await page.setViewportSize({ width: 1366, height: 900 });
    await page.click('[data-view=field]');
    await page.waitForSelector(VIEW_IS_THERE.field);
    await stage.publish(page);
    const usable = await page.evaluate(() => {
      // The first Tab leads on from here, and not from what was clicked last.
      document.body.tabIndex = -1;
      document.body.focus();
      document.body.removeAttribute('tabindex');
      const all = [...document.querySelectorAll<HTMLElement>('a[href], button, input, select, summary, [tabindex]')];
      const shown = all.filter((one) => one.tabIndex >= 0 && !one.matches(':disabled') && one.checkVisibility());
      shown.forEach((one, n) => {
        one.dataset.stop = String(n);
      });
      return shown.length;
    });
    expect(usable).toBeGreaterThan(20);
    const stops: unknown[] = [];
    for (let n = 0; n < usable; n++) {
      await page.keyboard.press('Tab');
      stops.push(
        await page.evaluate(() => {
          const on = document.activeElement as HTMLElement;
          const { outlineStyle, outlineWidth } = getComputedStyle(on);
          const { left, right, width } = on.getBoundingClientRect();
          const isSeen =
            outlineStyle !== 'none' && outlineWidth !== '0px' && width > 0 && left >= 0 && right <= innerWidth;
          return [Number(on.dataset.stop), isSeen];
        }),
      );
    }
    expect(stops).toEqual(Array.from({ length: usable }, (_, n) => [n, true]));
    expect(await page.evaluate(() => document.querySelector<HTMLElement>('.skip')?.dataset.stop)).toBe('0');
    await page.focus('.skip');
    await page.keyboard.press('Enter');
    expect(await activeId()).toBe('content');
  });

  it.each(DIALOGS)('closes the dialog %s by Escape, and the focus is where it was', async (name) => {
    await page.focus(`#${name}-open`);
    await page.keyboard.press('Enter');
    await page.waitForSelector(`#${name}-close`);
    expect(await page.evaluate(() => document.activeElement?.closest('dialog')?.id)).toBe(name);
    await page.keyboard.press('Tab');
    // Past the last one the focus is the browser's, which the page calls its body.
    expect([name, undefined]).toContain(
      await page.evaluate(() => document.activeElement?.closest('dialog, main, header')?.id),
    );
    await page.keyboard.press('Escape');
    await page.waitForFunction((id) => !document.querySelector<HTMLDialogElement>(`#${id}`)!.open, name);
    expect(await activeId()).toBe(`${name}-open`);
  });

  it('tells screen readers nothing while nothing happens, and a flag once', async () => {
    await page.click('[data-view=car]');
    await stage.publish(page);
    // A moment with data: what is said of a lack of it is no chatter.
    await page.waitForFunction(() => document.querySelector('#connection')?.textContent === 'Live.');
    const flagAt = (tick: number) => stage.rig.documentAt(tick).flag;
    while (flagAt(stage.rig.tick + 1) !== flagAt(stage.rig.tick)) await stage.publish(page);
    await page.evaluate(() => {
      const said: string[] = [];
      Object.assign(window, { said });
      const watcher = new MutationObserver((changes) => {
        for (const { target } of changes) {
          const region = (target instanceof Element ? target : target.parentElement)!.closest(
            '[role=status], [role=alert], [role=log], [aria-live]',
          );
          if (region) said.push(region.textContent ?? '');
        }
      });
      watcher.observe(document.body, {
        ...{ subtree: true, childList: true, characterData: true },
        attributeFilter: ['hidden'],
      });
    });
    const flags: string[] = [];
    for (let n = 0; n < 20; n++) {
      const before = flagAt(stage.rig.tick);
      await stage.publish(page);
      if (flagAt(stage.rig.tick) !== before) flags.push(sayFlag(flagAt(stage.rig.tick)));
    }
    expect(flags).toHaveLength(2);
    expect(await page.evaluate(() => (window as unknown as { said: string[] }).said)).toEqual(flags);
  });

  it.each(['no-preference', 'reduce'] as const)(
    'glides on the map and in the standings only for who does not mind (%s)',
    async (reducedMotion) => {
      await page.emulateMedia({ reducedMotion });
      await page.click('[data-view=field]');
      await page.waitForSelector(VIEW_IS_THERE.field);
      // The first tick of the map is a jump. What was gliding before comes to its end.
      await stage.publish(page);
      await stage.publish(page);
      await page.waitForFunction(() => document.getAnimations().length === 0);
      await page.evaluate(() => {
        const [canvas, moved] = [document.querySelector('canvas')!, new Set<string>()];
        Object.assign(window, { moved });
        let [picture, tick, changes] = [canvas.toDataURL(), document.body.dataset.tick, 0];
        const look = () => {
          if ((window as unknown as { moved: unknown }).moved !== moved) return;
          const [before, tickBefore] = [picture, tick];
          [picture, tick] = [canvas.toDataURL(), document.body.dataset.tick];
          changes = tick === tickBefore ? changes + Number(picture !== before) : 0;
          // Once more it may be drawn with the same tick: when the document of the race comes.
          if (changes > 1) moved.add('map');
          if (document.getAnimations().length > 0) moved.add('rows');
          requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      });
      const drive = async () => {
        for (let n = 0; n < 4; n++) await stage.publish(page);
        return page.evaluate(() => [...(window as unknown as { moved: Set<string> }).moved].sort());
      };
      if (reducedMotion === 'reduce') expect(await drive()).toEqual([]);
      else await expect.poll(drive, { timeout: 20_000 }).toEqual(['map', 'rows']);
    },
  );

  it('shows what is chosen, and how full a bar is, where the system picks all colors', async () => {
    await page.emulateMedia({ forcedColors: 'active', colorScheme: 'light' });
    await page.click('[data-view=car]');
    await stage.publish(page);
    const colors = await page.evaluate(() => {
      const colorOf = (selector: string) => getComputedStyle(document.querySelector(selector)!).backgroundColor;
      return {
        driver: [colorOf('.driver[aria-pressed=true]'), colorOf('.driver[aria-pressed=false]')],
        view: [colorOf('.views [aria-current]'), colorOf('.views button:not([aria-current])')],
        bar: [colorOf('.pedal .bar'), colorOf('.pedal .meter')],
      };
    });
    for (const [name, [one, other]] of Object.entries(colors)) expect(one, name).not.toBe(other);
    expect(await findViolations(page)).toEqual([]);
    await page.emulateMedia({ forcedColors: 'none' });
  });
});
