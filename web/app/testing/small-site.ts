import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

/** A site with the page in one of its folders, as behind a proxy, and whatever else a test wants it to say. */
export interface SmallSite {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** What is said at an address instead of a file; by path. */
  readonly said: Map<string, string>;
  stop(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** @param folder Where the page stands in the site, such as `/fans/`. */
export async function startSmallSite(webRoot: string, folder: string): Promise<SmallSite> {
  const said = new Map<string, string>();
  const read = async (path: string) => {
    const name = path.endsWith('/') ? `${path}index.html` : path;
    const words = said.get(path);
    if (words !== undefined) return { type: 'text/html', body: words };
    if (!name.startsWith(folder)) throw new Error(`${path} is not in ${folder}.`);
    return {
      type: TYPES[extname(name)] ?? 'application/octet-stream',
      body: await readFile(join(webRoot, name.slice(folder.length))),
    };
  };
  const server = createServer((request, response) => {
    read(new URL(request.url!, 'http://site').pathname).then(
      ({ type, body }) => response.writeHead(200, { 'Content-Type': type }).end(body),
      () => response.writeHead(404).end(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    said,
    stop: async () => {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
