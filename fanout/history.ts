import type { StreamRecord } from '../protocol/poll-answer.ts';
import { readStreamHead, STREAM_MESSAGE } from '../protocol/tick-message.ts';
import { readCarColumns, seriesOfTicks } from './car-columns.ts';
import { joinParts, type Part } from './history-join.ts';
import type { Series } from './history-points.ts';
import type { RaceState } from './race-state.ts';
import type { Segment } from './segment-directory.ts';
import type { SegmentSource, Segments } from './segments.ts';

/** Segments that are read out of the stream at a time: some hundred kB. */
const SEGMENTS_AT_ONCE = 6;
/** Questions that may wait for the one that is answered. */
const MAX_WAITING = 32;
/** Columns of segments that are remembered: a channel of a car in a segment is one; some 30 MB. */
const MAX_COLUMNS = 100_000;
/** Ticks that one answer may be made of: a day. */
const MAX_TICKS = 172_800;

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What a chart wants to know. */
export interface HistoryQuestion {
  readonly car: string;
  readonly channels: readonly string[];
  /** Race time of the first and the last tick that may be in it, Unix ms. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface HistoryAnswer {
  readonly epoch: string;
  readonly series: Series;
  /** Whether it can never become another one: everything in it lies in finished segments. */
  readonly isFinal: boolean;
}

/** A stretch of ticks of the epoch; its last tick is not part of it. */
interface Stretch {
  /** Of a finished segment. */
  readonly id: string | undefined;
  readonly epoch: string;
  readonly ticks: readonly [first: number, end: number];
  readonly seqs: readonly [first: number, last: number];
}

/**
 * What channels of a car were, out of the segments of a race: one question at a time, in small pieces, so that no fan waits
 * for a chart. Of each channel that was asked for it is remembered, so that the same is not read twice.
 */
export class History {
  readonly #segments: Segments;
  readonly #source: SegmentSource;
  /** By segment, car and channel; the column of times has no channel. The one that was used last comes last. */
  readonly #columns = new Map<string, Float64Array>();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(segments: Segments, source: SegmentSource) {
    this.#segments = segments;
    this.#source = source;
  }

  /** @returns `busy`: too many wait. `too_long`: ask for a shorter time. Throws when the stream cannot be read. */
  async ask(question: HistoryQuestion, state: RaceState): Promise<HistoryAnswer | 'busy' | 'too_long'> {
    if (this.#waiting > MAX_WAITING) return 'busy';
    this.#waiting++;
    const answer = this.#last.then(() => this.#answer(question, state));
    // Whoever is next does not ask what became of it.
    this.#last = answer.catch(() => {});
    return answer.finally(() => this.#waiting--);
  }

  async #answer(question: HistoryQuestion, state: RaceState): Promise<HistoryAnswer | 'too_long'> {
    const { fromMs, toMs, channels } = question;
    const { epoch } = state;
    const own = await this.#segmentsUpTo(toMs, epoch);
    const finished = own.filter(({ closeAtMs }) => closeAtMs[1] > fromMs && closeAtMs[0] <= toMs);
    if (finished.length > 0 && finished.at(-1)!.ticks[1] - finished[0]!.ticks[0] > MAX_TICKS) return 'too_long';
    const parts: Part[] = [];
    for (const run of runsOf(finished)) parts.push(...(await this.#readSegments(run, question)));
    const lastMs = own.at(-1)?.closeAtMs[1] ?? Number.NEGATIVE_INFINITY;
    if (toMs >= lastMs) parts.push(...(await this.#readOpen(question, state)));
    const isFinal = own.length > 0 && fromMs >= own[0]!.closeAtMs[0] && toMs < lastMs;
    return { epoch, series: joinParts(parts, channels.length, fromMs, toMs), isFinal };
  }

  /** Finished segments of an epoch; the stream is only asked when what is known of it does not reach so far. */
  async #segmentsUpTo(toMs: number, epoch: string): Promise<Segment[]> {
    const isOwn = (segment: Segment) => segment.epoch === epoch;
    const known = this.#segments.known.filter(isOwn);
    return toMs < (known.at(-1)?.closeAtMs[1] ?? 0) ? known : (await this.#segments.list()).filter(isOwn);
  }

  /** What is remembered of segments is not read. */
  async #readSegments(segments: readonly Segment[], question: HistoryQuestion): Promise<Part[]> {
    const known = segments.map((segment) => this.#recall(segment.id, question));
    const missing = segments.filter((_, n) => !known[n]);
    const records =
      missing.length === 0 ? [] : await this.#source.messages(missing[0]!.seqs[0], missing.at(-1)!.seqs[1]);
    const parts: Part[] = [];
    for (const [n, { id, epoch, ticks, seqs }] of segments.entries())
      parts.push({
        first: ticks[0],
        series: known[n] ?? (await this.#decode({ id, epoch, ticks, seqs }, records, question)),
      });
    await nextTurn();
    return parts;
  }

  /** What lies behind the last finished segment: out of the memory of the edge, or what it has not seen out of the stream. */
  async #readOpen(question: HistoryQuestion, { epoch, ring, seq, head, catalogue }: RaceState): Promise<Part[]> {
    const { open } = this.#segments;
    if (!open || open.epoch !== epoch || !head || head.tick < open.tick) return [];
    if (ring.byTick(open.tick)) {
      const entries = ring.after(open.tick - 1);
      return [{ first: open.tick, series: seriesOfTicks(catalogue, entries, question.car, question.channels) }];
    }
    const stretch = { id: undefined, epoch, ticks: [open.tick, head.tick + 1], seqs: [open.seq, seq] } as const;
    const records = await this.#source.messages(...stretch.seqs);
    return [{ first: open.tick, series: await this.#decode(stretch, records, question) }];
  }

  async #decode(
    { id, epoch, ticks, seqs }: Stretch,
    records: readonly StreamRecord[],
    { car, channels }: HistoryQuestion,
  ): Promise<Series> {
    await nextTurn();
    // Catalogues and logs are text, which begins like no message of ours.
    const own = records.filter(
      ({ seq, message }) => seq >= seqs[0] && seq <= seqs[1] && message[0]! <= STREAM_MESSAGE.doc,
    );
    // What the stream has forgotten meanwhile is a gap.
    const tag = own[0] && readStreamHead(own[0].message).catalogueTag;
    const catalogue = tag === undefined ? undefined : await this.#segments.catalogueWith(tag);
    const series = readCarColumns(catalogue, epoch, ticks, own, car, channels);
    if (id !== undefined && !series.atMs.includes(Number.NaN)) this.#remember(id, car, channels, series);
    return series;
  }

  #recall(id: string, { car, channels }: HistoryQuestion): Series | undefined {
    const atMs = this.#use(id);
    const columns = channels.map((channel) => this.#use(`${id} ${car} ${channel}`));
    return atMs && columns.every((column) => column !== undefined) ? { atMs, columns } : undefined;
  }

  #use(key: string): Float64Array | undefined {
    const column = this.#columns.get(key);
    if (!column) return undefined;
    this.#columns.delete(key);
    this.#columns.set(key, column);
    return column;
  }

  #remember(id: string, car: string, channels: readonly string[], { atMs, columns }: Series): void {
    this.#columns.set(id, atMs);
    for (const [n, channel] of channels.entries()) this.#columns.set(`${id} ${car} ${channel}`, columns[n]!);
    for (const key of this.#columns.keys()) {
      if (this.#columns.size <= MAX_COLUMNS) return;
      this.#columns.delete(key);
    }
  }
}

/** Segments that lie behind one another in the stream, some at a time. */
function runsOf(segments: readonly Segment[]): Segment[][] {
  const runs: Segment[][] = [];
  for (const segment of segments) {
    const run = runs.at(-1);
    if (run && run.length < SEGMENTS_AT_ONCE && run.at(-1)!.seqs[1] + 1 === segment.seqs[0]) run.push(segment);
    else runs.push([segment]);
  }
  return runs;
}
