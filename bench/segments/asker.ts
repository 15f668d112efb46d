import autocannon from 'autocannon';

// Asks for segments as fast as it gets them, in a process of its own, and says what it saw.

/** What is asked, and how. */
export interface AskPlan {
  readonly url: string;
  readonly paths: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

export interface AskResult {
  readonly requests_per_s: number;
  readonly bytes_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly errors: number;
  readonly seconds: number;
}

async function ask({ url, paths, connections, seconds }: AskPlan): Promise<AskResult> {
  const requests = paths.map((path) => ({ method: 'GET' as const, path, headers: { 'accept-encoding': 'br' } }));
  const seen = await autocannon({
    url,
    connections,
    duration: seconds,
    // Each connection begins elsewhere, or all would ask the same at the same time.
    setupClient: (client) => {
      const begin = Math.floor(Math.random() * requests.length);
      client.setRequests([...requests.slice(begin), ...requests.slice(0, begin)]);
    },
  });
  return {
    requests_per_s: Math.round(seen.requests.average),
    bytes_per_s: Math.round(seen.throughput.average),
    p50_ms: seen.latency.p50,
    p99_ms: seen.latency.p99,
    errors: seen.errors + seen.timeouts + seen.non2xx,
    seconds: seen.duration,
  };
}

process.send!('ready');
process.once('message', (plan: AskPlan) => {
  void ask(plan).then((result) => process.send!(result, () => process.exit(0)));
});
