import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import { isLeftOut, titleOf } from '../testing/chromium.ts';
import { severityOf } from './limits.ts';
import { type PageStage, startPageStage } from './testing/page-stage.ts';
import { sayTimeOfDay } from './words.ts';

const CAR = '24';
/** Until then it is heard, from then on it is not. */
const SILENT = { key: 'oil_temp', fromTick: 8, toTick: 12 };
/** Of the words for a value beyond its limits most; chance would take long to meet the small windows between them. */
const VOLTAGES = [11, 11.5, 12, 15.5, 16];

describe.skipIf(isLeftOut)(titleOf('the details of the page'), () => {
  let stage: PageStage;
  let wire: FaultProxy;
  let page: Page;

  beforeAll(async () => {
    stage = await startPageStage(13, {
      drive: (tick, car, key) => {
        if (key === SILENT.key && car === CAR) return tick < SILENT.fromTick || tick >= SILENT.toTick ? 90 : null;
        if (key === 'voltage') return VOLTAGES[tick % VOLTAGES.length];
        return key === 'speed' ? 200 + tick : undefined;
      },
    });
    wire = await startFaultProxy(stage.edge.url);
    page = await stage.open(`?race=demo&car=${CAR},9`, {}, wire.url);
    await stage.isAtTick(page);
  });

  afterAll(async () => {
    await stage?.stop();
    await wire?.stop();
    // The browser itself reports connections that fail.
    expect(stage?.problems.filter((one) => !/ERR_|WebSocket connection|status of 426/.test(one))).toEqual([]);
  });

  const detailsOf = () =>
    page.$$eval('[data-detail]', (all) =>
      Object.fromEntries(all.map((one) => [one.getAttribute('data-detail')!, one.textContent!])),
    );
  const isSaid = (name: string, text: string) =>
    page.waitForFunction(([of, wanted]) => document.querySelector(`[data-detail="${of}"]`)?.textContent === wanted, [
      name,
      text,
    ] as const);
  const troubleOf = (key: string) => page.textContent(`tr:has([data-channel=${key}]) th`);

  it('since when a channel gives nothing, as long as it gives nothing', async () => {
    await page.click('[data-view=channels]');
    while (stage.rig.tick < SILENT.fromTick + 2) await stage.publish(page);
    const closedAtMs = Date.UTC(2026, 1, 15, 20, 0, 0) + SILENT.fromTick * 500;
    expect(stage.valueOf(CAR, SILENT.key)).toBe(null);
    expect(await page.textContent(`[data-channel=${SILENT.key}]`)).toBe('–');
    expect(await troubleOf(SILENT.key)).toContain(`silent since ${sayTimeOfDay(closedAtMs)}`);
    await page.click('[data-view=car]');
    expect(await page.textContent(`[data-vital=${SILENT.key}]`)).toContain(`silent since ${sayTimeOfDay(closedAtMs)}`);
    while (stage.rig.tick < SILENT.toTick) await stage.publish(page);
    expect(await page.textContent(`[data-vital=${SILENT.key}]`)).not.toContain('silent');
  });

  it('the words low, high, too low and too high beside what is beyond its limits, and none beside the rest', async () => {
    await page.click('[data-view=channels]');
    const limited = stage.rig.catalogue.channels.filter(({ limits }) => limits !== undefined);
    const met = new Set<string>();
    const wanted = ['', 'high', 'low', 'too high', 'too low'];
    while (met.size < wanted.length) {
      await stage.publish(page);
      const shown = await page.$$eval('.groups tr', (rows) =>
        Object.fromEntries(
          rows.map((row) => [
            row.querySelector('[data-channel]')!.getAttribute('data-channel'),
            row.querySelector('.trouble')?.textContent ?? '',
          ]),
        ),
      );
      for (const { key, limits } of limited) {
        const value = stage.valueOf(CAR, key);
        if (value === null) continue;
        const side = value < (limits!.warnBelow ?? limits!.alarmBelow ?? Number.NEGATIVE_INFINITY) ? 'low' : 'high';
        const severity = severityOf(value, limits);
        const word = severity === 'alarm' ? `too ${side}` : severity === 'warn' ? side : '';
        met.add(word);
        expect({ key, value, word: shown[key] }).toEqual({ key, value, word });
      }
    }
    expect([...met].sort()).toEqual(wanted);
  });

  it('a channel that is pinned, on the view of the car with a chart', async () => {
    await page.click('[data-pin=water_temp]');
    await page.click('[data-view=car]');
    await page.waitForSelector('.pinned canvas');
    await stage.publish(page);
    expect(await page.textContent('[data-pinned=water_temp]')).toBe(stage.textOf(CAR, 'water_temp'));
    expect(await page.getAttribute('.pinned [role=img]', 'aria-label')).toContain('Water temperature');
  });

  it('miles and Fahrenheit everywhere at the press of a button, and after a reload', async () => {
    const readPage = async () => ({
      speed: await page.textContent('[data-figure=speed]'),
      unit: await page.textContent('.speed .unit'),
      strip: (await page.textContent(`[data-driver="9"] .line:last-child .figure:last-child`))?.trim(),
      pinned: await page.textContent('[data-pinned=water_temp]'),
      vital: await page.textContent('[data-vital=water_temp] .unit'),
    });
    const expected = (units: 'metric' | 'us') => ({
      speed: stage.textOf(CAR, 'speed', units),
      unit: units === 'us' ? 'mph' : 'km/h',
      strip: `${stage.textOf('9', 'speed', units)} ${units === 'us' ? 'mph' : 'km/h'}`,
      pinned: stage.textOf(CAR, 'water_temp', units),
      vital: units === 'us' ? '°F' : '°C',
    });
    expect(await readPage()).toEqual(expected('metric'));
    await page.click('#units');
    expect(await readPage()).toEqual(expected('us'));
    expect(await page.textContent('#units')).toBe('mph');
    await page.click('[data-view=channels]');
    expect(
      await page.$$eval('.groups .unit', (all) => all.filter((one) => /km\/h|°C|kPa/.test(one.textContent!)).length),
    ).toBe(0);
    await page.click('[data-view=car]');
    await page.reload();
    await stage.publish(page);
    expect(await readPage()).toEqual(expected('us'));
  });

  it('how the connection stands: its way, its server, its place in the stream, and what came', async () => {
    await page.click('#details-open');
    await isSaid('Way', 'websocket');
    const before = await detailsOf();
    expect(before).toMatchObject({
      Connection: 'Live.',
      Reconnections: '0',
      'Gaps found': '0',
      'Messages refused': '0',
    });
    expect(before.Server).toBe('pit-wall');
    const [epoch, seq] = before.Position!.split(':');
    expect(epoch).toMatch(/^[0-9a-f]{16}$/);
    await stage.publish(page, 3);
    await isSaid('Ticks', String(Number(before.Ticks) + 3));
    const after = await detailsOf();
    expect(after).toMatchObject({ 'Gaps found': '0', 'Checksums that differed': '0' });
    expect(after.Position!.startsWith(`${epoch}:`)).toBe(true);
    expect(Number(after.Position!.split(':')[1])).toBeGreaterThanOrEqual(Number(seq) + 3);
  });

  it('a connection that was lost, and what closed the gap', async () => {
    const before = await detailsOf();
    wire.refuse();
    wire.reset();
    await page.waitForFunction(
      () => !document.querySelector('[data-detail=Connection]')!.textContent!.startsWith('Live'),
    );
    await stage.rig.publish(7);
    wire.mend();
    await stage.isAtTick(page);
    await isSaid('Reconnections', '1');
    const after = await detailsOf();
    expect(after['Gaps found']).toBe('0');
    expect(before.Repairs).not.toContain('composite');
    expect(after.Repairs).toMatch(/1 composite for 7 ticks, [\d.]+ k?B/);
    expect(await page.textContent('#receipt')).toMatch(/^Missed 7 ticks, repaired with 1 composite/);
  });
});
