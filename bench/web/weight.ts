import type { Request } from 'playwright-core';
import { pause } from '../live-race.ts';
import { round } from '../machine.ts';
import type { FanPage } from './fan-page.ts';

/** How long after its first value a page may go on to fetch what it does not need for it. */
const LATER_MS = 8000;
/** Addresses of the edge that are no files. */
const DATA = /^\/(races|catalogue|session)(\/|$)/;

/** One thing that a page fetched. */
interface Fetched {
  readonly path: string;
  /** Wall clock. */
  readonly beganAtMs: number;
  encoding: string;
  /** As sent, with the head. */
  bytes: number;
}

/** Bytes that the first view takes until its first value, and what comes afterwards; kB are 1,000 bytes. */
export interface Weight {
  readonly first_view_kb: number;
  readonly first_view_data_kb: number;
  readonly later_kb: number;
  readonly files: readonly {
    readonly file: string;
    readonly when: string;
    readonly sent_as: string;
    readonly kb: number;
  }[];
}

const kb = (bytes: number) => round(bytes / 1000, 1);
const sum = (list: readonly { readonly bytes: number }[]) => list.reduce((total, { bytes }) => total + bytes, 0);

/**
 * Visits an address and weighs all that comes for it.
 * @param isGzip Whether the page accepts gzip and nothing that is smaller, as browsers do where a page comes over plain HTTP.
 */
export async function weigh(fan: FanPage, address: string, isGzip: boolean): Promise<Weight> {
  const { devtools, page, context } = fan;
  const fetched = new Map<string, Fetched>();
  const frames: { bytes: number; atS: number }[] = [];
  /** Wall clock less the clock of DevTools, in s. */
  let offsetS = 0;
  await devtools.send('Network.enable');
  // Of the context and not of the page: so it holds for a service worker too.
  if (isGzip) await context.setExtraHTTPHeaders({ 'Accept-Encoding': 'gzip' });
  devtools.on('Network.requestWillBeSent', ({ requestId, request, timestamp, wallTime }) => {
    offsetS = wallTime - timestamp;
    const path = new URL(request.url).pathname;
    fetched.set(requestId, { path, beganAtMs: wallTime * 1000, encoding: 'plain', bytes: 0 });
  });
  devtools.on('Network.responseReceivedExtraInfo', ({ requestId, headers }) => {
    const one = fetched.get(requestId);
    const name = Object.keys(headers).find((key) => key.toLowerCase() === 'content-encoding');
    if (one && name) one.encoding = headers[name]!;
  });
  devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const one = fetched.get(requestId);
    if (one) one.bytes = encodedDataLength;
  });
  devtools.on('Network.webSocketFrameReceived', ({ timestamp, response: { opcode, payloadData } }) => {
    const bytes = opcode === 2 ? Buffer.byteLength(payloadData, 'base64') : Buffer.byteLength(payloadData);
    frames.push({ bytes, atS: timestamp });
  });
  const ofWorkers: Promise<Fetched>[] = [];
  context.on('requestfinished', (request) => {
    if (request.serviceWorker()) ofWorkers.push(weighRequest(request));
  });
  const firstMs = await fan.visit(address);
  const firstAtMs = (await page.evaluate(() => performance.timeOrigin)) + firstMs;
  await pause(LATER_MS);
  const own = [...fetched.values()].filter(({ bytes }) => bytes > 0);
  const isFirst = ({ beganAtMs }: Fetched) => beganAtMs <= firstAtMs;
  const files = own.filter(({ path }) => !DATA.test(path));
  const data = own.filter((one) => DATA.test(one.path) && isFirst(one));
  const later = [...files.filter((one) => !isFirst(one)), ...(await Promise.all(ofWorkers))];
  const list = (some: readonly Fetched[], when: string) =>
    some.map(({ path, encoding, bytes }) => ({ file: path, when, sent_as: encoding, kb: kb(bytes) }));
  return {
    first_view_kb: kb(sum(files.filter(isFirst))),
    first_view_data_kb: kb(sum(data) + sum(frames.filter(({ atS }) => (atS + offsetS) * 1000 <= firstAtMs))),
    later_kb: kb(sum(later)),
    files: [...list(files.filter(isFirst), 'first view'), ...list(data, 'data'), ...list(later, 'later')],
  };
}

async function weighRequest(request: Request): Promise<Fetched> {
  const [sizes, response] = await Promise.all([request.sizes(), request.response()]);
  return {
    path: new URL(request.url()).pathname,
    beganAtMs: request.timing().startTime,
    encoding: (await response?.headerValue('content-encoding')) ?? 'plain',
    bytes: sizes.responseHeadersSize + sizes.responseBodySize,
  };
}
