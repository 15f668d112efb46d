/** As much of an answer as is used; without headers and a body it brings no stream of events. */
export interface FetchAnswer {
  readonly ok: boolean;
  readonly status: number;
  text(): Promise<string>;
  readonly headers?: { get(name: string): string | null };
  readonly body?: ReadableStream<Uint8Array> | null;
}

/** What is asked for. */
export interface FetchInit {
  readonly signal: AbortSignal;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly cache?: 'no-store';
  /** Goes on when the page is left. */
  readonly keepalive?: boolean;
}

/** As much of `fetch` as is used. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>;
