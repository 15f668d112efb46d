import axe from 'axe-core';
import type { Page } from 'playwright-core';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];

/** What stands against a rule of accessibility. */
export interface Violation {
  readonly rule: string;
  readonly impact: string;
  /** Selectors of the elements. */
  readonly nodes: readonly string[];
  readonly help: string;
}

/**
 * Looks at the page as it is with axe: WCAG 2.1 A and AA, and what is good practice. It goes in through the DevTools, which no
 * Content-Security-Policy of a page holds back.
 *
 * @param within Selector of the part that is looked at.
 */
export async function findViolations(page: Page, within = 'html'): Promise<Violation[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
  return page.evaluate(
    async ([root, rules]) => {
      const { axe: inPage } = window as unknown as { axe: typeof axe };
      const { violations } = await inPage.run(root, {
        runOnly: { type: 'tag', values: [...rules] },
        resultTypes: ['violations'],
      });
      return violations.map(({ id, impact, help, nodes }) => ({
        ...{ rule: id, impact: impact ?? 'unknown', help },
        nodes: nodes.map(({ target }) => target.join(' ')),
      }));
    },
    [within, RULES] as const,
  );
}
