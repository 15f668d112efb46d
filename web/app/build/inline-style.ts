import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'vite';

const LINK = /[ \t]*<link rel="stylesheet" href="\.\/([\w.-]+\.css)" \/>\n/;
const POLICY = "style-src 'self'";

/**
 * Puts the style sheet that the page names into the page: a browser draws nothing and runs no module before it has it, and
 * over HTTP/1.1 has to open another connection for it. The policy of the page names its hash and allows no other style there.
 *
 * Vite does not see the sheet: it would have each part of the page load it as a file.
 */
export function inlineStyle(): Plugin[] {
  let style = '';
  return [
    {
      name: 'slipstream-take-style',
      apply: 'build',
      transformIndexHtml: {
        order: 'pre',
        async handler(page, { filename }) {
          const [link, path] = LINK.exec(page) ?? [];
          if (path === undefined) throw new Error('The page names no style sheet.');
          style = await buildStyle(join(dirname(filename), path));
          return page.replace(link!, '');
        },
      },
    },
    {
      name: 'slipstream-inline-style',
      apply: 'build',
      transformIndexHtml: { order: 'post', handler: (page) => withStyle(page, style) },
    },
  ];
}

async function buildStyle(input: string): Promise<string> {
  const options = { write: false, target: 'es2022', rolldownOptions: { input } } as const;
  const result = await build({ configFile: false, publicDir: false, logLevel: 'warn', build: options });
  const [sheet, ...others] =
    'output' in result ? result.output.filter(({ fileName }) => fileName.endsWith('.css')) : [];
  if (sheet?.type !== 'asset' || others.length > 0) throw new Error(`${input} was not built into one style sheet.`);
  return String(sheet.source).trim();
}

/**
 * The page with the style in its head.
 * @throws {Error} when the style would end the element that it is in, or the page has no place or no policy for it.
 */
export function withStyle(page: string, style: string): string {
  if (/<\/style/i.test(style)) throw new Error('A style sheet with "</style" in it cannot stand in a page.');
  if (!page.includes('</head>') || !page.includes(POLICY))
    throw new Error(`The page must have a head, and a policy with ${POLICY}.`);
  const hash = createHash('sha256').update(style).digest('base64');
  // Functions, because a text would have its dollar signs read.
  return page
    .replace(POLICY, () => `${POLICY} 'sha256-${hash}'`)
    .replace('</head>', () => `  <style>${style}</style>\n  </head>`);
}
