/** How many processes share the port, and how many of them serve. */
export interface WorkerCount {
  readonly asked: number;
  readonly alive: number;
}

/** The edge processes that share one port, as each of them knows them. */
export interface Fleet {
  readonly workers: () => WorkerCount;
  /** The text of `/metrics` over all of them; `undefined` when they could not be asked. */
  readonly metrics: () => Promise<string | undefined>;
}

/** A process that shares its port with nobody. */
export const alone = (metrics: () => Promise<string>): Fleet => ({
  workers: () => ({ asked: 1, alive: 1 }),
  metrics,
});
