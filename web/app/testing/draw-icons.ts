import { readFileSync, statSync } from 'node:fs';
import { launchChromium } from '../../testing/chromium.ts';

/**
 * Draws the icons of the installed page from `icon.svg`, as PNG: run it again when the drawing changes.
 *
 *   node web/app/testing/draw-icons.ts
 */

const SVG = readFileSync(new URL('../icon.svg', import.meta.url), 'utf8');
const FOLDER = new URL('../public/icons/', import.meta.url);
/** Side of the drawing in its own units. */
const SIDE = 32;

/** Systems cut a maskable icon to a shape of their own: its ground goes to the edge, the drawing stays in the middle. */
function makeMaskable(svg: string): string {
  const ground = / fill="(#[0-9a-f]{6})"/.exec(svg)?.[1];
  const drawing = /<path .*\/>/s.exec(svg)?.[0];
  if (!ground || !drawing) throw new Error('icon.svg has no ground with a fill, or no path: mend draw-icons.ts.');
  const inner = `<g transform="translate(${SIDE / 2} ${SIDE / 2}) scale(0.72) translate(${-SIDE / 2} ${-SIDE / 2})">${drawing}</g>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIDE} ${SIDE}"><rect width="${SIDE}" height="${SIDE}" fill="${ground}"/>${inner}</svg>`;
}

const ICONS = [
  { name: '192.png', sidePx: 192, svg: SVG },
  { name: '512.png', sidePx: 512, svg: SVG },
  { name: 'maskable-512.png', sidePx: 512, svg: makeMaskable(SVG) },
  // Fills transparent corners with black, and cuts its own: wants a ground to the edge too.
  { name: 'apple-180.png', sidePx: 180, svg: makeMaskable(SVG) },
];

const browser = await launchChromium();
for (const { name, sidePx, svg } of ICONS) {
  const page = await browser.newPage({ viewport: { width: sidePx, height: sidePx } });
  const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
  await page.setContent(
    `<body style="margin:0;background:transparent"><img src="${source}" width="${sidePx}" height="${sidePx}" style="display:block">`,
  );
  await page.locator('img').evaluate((image: HTMLImageElement) => image.decode());
  const file = new URL(name, FOLDER);
  await page.screenshot({ path: file.pathname, omitBackground: true });
  await page.close();
  console.log(`${name}: ${statSync(file).size} bytes`);
}
await browser.close();
