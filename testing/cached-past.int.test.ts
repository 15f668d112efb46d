import { describe, expect, it } from 'vitest';
import { findFreePort } from '../cli/testing/program.ts';
import { Stage } from '../fanout/testing/stage.ts';
import { startNginx } from './nginx.ts';
import { findProxy } from './proxy-binary.ts';

describe.skipIf(!findProxy('nginx'))('nginx as it is deployed', () => {
  it('keeps the past of a race, and its catalogue: who rewinds behind it asks no edge', async () => {
    const stage = await Stage.set();
    await stage.publisher.begin();
    await stage.publisher.run(50);
    const edge = await stage.edgeAtHead();
    const nginx = await startNginx(await findFreePort(), [edge.port, edge.port, edge.port]);
    try {
      const { epoch, catalogue } = stage.writer;
      const catalogues = ['/races/oval/catalogue', `/catalogue/${catalogue.hash}`];
      const [from, to] = [stage.writer.closeAtMs(0), stage.writer.closeAtMs(39)];
      const paths = [
        `/races/oval/segments/${epoch}-0`,
        `/races/oval/segments/${epoch}-1`,
        `/races/oval/history?car=0&channels=c0&from=${from}&to=${to}`,
        `/races/oval/history?car=0&channels=c1&from=${from}&to=${to}`,
      ];
      const ask = async (path: string) => {
        const response = await fetch(`${nginx.url}${path}`);
        expect(response.status).toBe(200);
        const bytes = Buffer.from(await response.arrayBuffer());
        return { bytes, cache: response.headers.get('x-cache-status') };
      };
      const texts = await Promise.all(catalogues.map(ask));
      expect(texts.map(({ cache }) => cache)).toEqual(['MISS', 'MISS']);
      const first = await Promise.all(paths.map(ask));
      expect(first.map(({ cache }) => cache)).toEqual(paths.map(() => 'MISS'));
      // Each address has an answer of its own.
      expect(new Set(first.map(({ bytes }) => bytes.toString('base64'))).size).toBe(paths.length);
      await edge.stop();
      const kept = { bytes: Buffer.from(catalogue.json), cache: 'HIT' };
      expect(await Promise.all(catalogues.map(ask))).toEqual([kept, kept]);
      const again = await Promise.all(paths.map(ask));
      expect(again.map(({ cache }) => cache)).toEqual(paths.map(() => 'HIT'));
      expect(again.map(({ bytes }) => bytes)).toEqual(first.map(({ bytes }) => bytes));
    } finally {
      await nginx.stop();
      await stage.strike();
    }
  });
});
