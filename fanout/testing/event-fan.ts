import { type IncomingMessage, request } from 'node:http';
import type { FanReader } from './test-fan.ts';

/** A line-separated event as it came. */
interface SeenEvent {
  readonly name: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** A fan on a stream of events, with a reader of its own for the format; it can stop to read. */
export class EventFan {
  readonly reader: FanReader;
  readonly events: SeenEvent[] = [];
  readonly retries: number[] = [];
  status: number | undefined;
  headers: IncomingMessage['headers'] = {};
  /** The body of an answer that is no stream. */
  text = '';
  closed: { code: number; reason: string } | undefined;
  isEnded = false;
  failure: unknown;
  /** As a browser keeps it. */
  lastEventId = '';
  readonly #request: ReturnType<typeof request>;
  #response: IncomingMessage | undefined;
  #rest = '';

  constructor(
    url: string,
    reader: FanReader,
    { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ) {
    this.reader = reader;
    this.#request = request(url, { method, headers, agent: false }, (response) => {
      this.#response = response;
      this.status = response.statusCode;
      this.headers = response.headers;
      response.setEncoding('utf8');
      response.on('data', (text: string) => this.#take(text));
      response.on('error', () => {});
      response.on('close', () => {
        this.isEnded = true;
      });
    });
    this.#request.on('error', () => {
      this.isEnded = true;
    });
    this.#request.end(body);
  }

  #take(text: string): void {
    if (!this.headers['content-type']?.startsWith('text/event-stream')) {
      this.text += text;
      return;
    }
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop()!;
    try {
      for (const block of blocks) this.#see(block);
    } catch (error) {
      this.failure ??= error;
    }
  }

  #see(block: string): void {
    const fields = block.split('\n').map((line) => /^([a-z]*): ?(.*)$/.exec(line)?.slice(1) ?? [line, '']);
    const last = (key: string) => fields.findLast(([name]) => name === key)?.[1];
    const [name = 'message', id, data, retry] = ['event', 'id', 'data', 'retry'].map(last);
    if (id !== undefined) this.lastEventId = id;
    if (retry !== undefined) this.retries.push(Number(retry));
    if (data === undefined) return;
    this.events.push({ name, id, data });
    if (name === 'frame') this.reader.readFrame(new Uint8Array(Buffer.from(data, 'base64')));
    else if (name === 'close') this.closed = JSON.parse(data);
    else this.reader.readText(data);
  }

  freeze(): void {
    this.#response?.pause();
  }

  thaw(): void {
    this.#response?.resume();
  }

  leave(): void {
    this.#request.destroy();
  }
}
