import { ConfigError } from '../protocol/errors.ts';
import { countDescriptors, planDescriptors, readDescriptorLimit } from './descriptors.ts';
import { DEFAULT_LIMITS, type EdgeLimits } from './limits.ts';

/** Counting what the whole process holds takes milliseconds when that is much. */
const COUNT_EVERY_MS = 1000;

/**
 * Counts the connections of an edge, plain HTTP and fans, so that one too many is closed before the operating system
 * runs out of descriptors: then nobody could connect at all, and the listening socket would keep a core busy.
 */
export class Connections {
  readonly #most: number;
  readonly #spare: number;
  readonly #countAll: () => number | undefined;
  /** Descriptors that are no connections. */
  readonly #others: number;
  /** Fans who were said goodbye and may not have closed their side: that holds a descriptor for some seconds more. */
  #lingering = 0;
  #countedAtMs = Number.NEGATIVE_INFINITY;
  open = 0;
  /** Closed at once. */
  turnedAway = 0;

  /**
   * @param most What may be open at once. @param spare How many of these are not for fans.
   * @param others What the process holds beside connections.
   * @param countAll What the process holds, connections and others; `undefined` where nobody knows.
   */
  constructor(most: number, spare: number, others: number, countAll: () => number | undefined) {
    this.#most = most;
    this.#spare = spare;
    this.#others = others;
    this.#countAll = countAll;
  }

  /**
   * Little room is left, whoever took the rest: a connection that is only kept for a next request may be in somebody's
   * way. Fans alone never bring it about, as long as they are no more than their limit.
   */
  get isCrowded(): boolean {
    return this.#most - this.open < this.#spare / 2;
  }

  /** One was opened. @returns whether it may stay; one that may not is closed by the caller, and {@link closed}. */
  opened(nowMs: number): boolean {
    this.open++;
    if (this.open + this.#lingering > this.#most) this.#countAnew(nowMs);
    const mayStay = this.open + this.#lingering <= this.#most;
    if (!mayStay) this.turnedAway++;
    return mayStay;
  }

  /** A connection is gone. */
  closed(): void {
    this.open--;
  }

  /** A WebSocket was closed: its descriptor may live on. */
  left(): void {
    this.open--;
    this.#lingering++;
  }

  #countAnew(nowMs: number): void {
    if (this.#lingering === 0 || nowMs - this.#countedAtMs < COUNT_EVERY_MS) return;
    this.#countedAtMs = nowMs;
    const all = this.#countAll();
    if (all !== undefined) this.#lingering = Math.max(0, all - this.#others - this.open);
  }
}

/** Lowers the limits to what the process may hold descriptors for, and says so if more was asked for. */
export function planConnections(
  asked: Partial<EdgeLimits> | undefined,
  report: (code: string, detail: unknown) => void,
): { limits: EdgeLimits; connections: Connections } {
  const limits = { ...DEFAULT_LIMITS, ...asked };
  const most = readDescriptorLimit();
  const others = countDescriptors();
  if (most === undefined || others === undefined)
    return { limits, connections: new Connections(Number.POSITIVE_INFINITY, 0, 0, countDescriptors) };
  const plan = planDescriptors(most, others);
  const connections = new Connections(plan.connections, plan.connections - plan.fans, others, countDescriptors);
  if (plan.fans >= limits.maxFans) return { limits, connections };
  if (asked?.maxFans !== undefined)
    report(
      'few_descriptors',
      new ConfigError(
        'few_descriptors',
        `This process may hold ${most} descriptors, so the edge takes ${plan.fans} fans and not the ${asked.maxFans} of --max-fans; raise the limit with ulimit -n, or share the port between more processes with --workers.`,
      ),
    );
  return { limits: { ...limits, maxFans: plan.fans }, connections };
}
