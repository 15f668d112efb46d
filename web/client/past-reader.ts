import type { Catalogue } from '../../protocol/catalogue.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { decodePollAnswer, type PollHead, type StreamRecord } from '../../protocol/poll-answer.ts';
import type { RaceCursor, RaceMoment } from '../../protocol/race-cursor.ts';
import { readStreamHead, STREAM_MESSAGE } from '../../protocol/tick-message.ts';
import { loadCatalogue } from './catalogue-store.ts';
import type { Fetch } from './fetch.ts';
import { readAll } from './read-all.ts';
import { nextEpoch, type Place, readTimeline, segmentFor, type Timeline, type TimelineSegment } from './timeline.ts';

/** A segment is 10 s of a race, a list names two weeks of them. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_KEPT = 6;
/** A new segment is finished every 10 s. */
const LIST_GOOD_MS = 10_000;
/** After a poll without ticks a cache may have the same answer for so long. */
const PAUSE_MS = 1000;
const KINDS = { [STREAM_MESSAGE.tick]: 'tick', [STREAM_MESSAGE.keyframe]: 'keyframe', [STREAM_MESSAGE.doc]: 'doc' };

/** The whole race at one tick, checked against its digest, with the document as it was then. */
export interface PastMoment extends RaceMoment {
  readonly catalogue: Catalogue;
}

interface Stretch {
  readonly head: PollHead;
  readonly records: readonly StreamRecord[];
}

/** What has been read, and what is known of how it goes on. */
interface Step {
  readonly cursor: RaceCursor;
  /** Position after the rest. */
  readonly to: string;
  readonly rest: readonly StreamRecord[];
  /** After the rest the tick is whole. */
  readonly isEnd: boolean;
  /** It does not go on from what was before, of which nothing more comes. */
  readonly isAnew: boolean;
  /** Nothing has come for as long as a poll waits. */
  readonly isEmpty: boolean;
}

/** What a reader needs. */
export interface PastSource {
  /** Edges that are equal, each with a `/` at its end; at least one. */
  readonly bases: readonly string[];
  readonly race: string;
  readonly fetch: Fetch;
  readonly now: () => number;
}

/** Reads the past of a race: segments as long as there are, and what is not in one yet by polls. */
export class PastReader {
  readonly #source: PastSource;
  #turn = 0;
  #timeline: Timeline | undefined;
  #listedAtMs = Number.NEGATIVE_INFINITY;
  /** The one that was used last comes last. */
  readonly #kept = new Map<string, Stretch>();
  readonly #coming = new Map<string, { readonly signal: AbortSignal; readonly stretch: Promise<Stretch> }>();

  constructor(source: PastSource) {
    this.#source = source;
  }

  /** As last heard. */
  get timeline(): Timeline | undefined {
    return this.#timeline;
  }

  /** The next question goes to another edge. */
  tryAnother(): void {
    this.#turn++;
  }

  /** What can be played. @param maxAgeMs How old it may be. @throws when no edge says. */
  async list(signal: AbortSignal, maxAgeMs = LIST_GOOD_MS): Promise<Timeline> {
    if (this.#timeline && this.#source.now() - this.#listedAtMs < maxAgeMs) return this.#timeline;
    const bytes = await this.#get('segments', signal);
    this.#timeline = readTimeline(new TextDecoder().decode(bytes));
    this.#listedAtMs = this.#source.now();
    return this.#timeline;
  }

  /** The newest tick of the segment that had closed at a race time; `guess` where no segment is. */
  async tickAt(guess: Place, timeMs: number, signal: AbortSignal): Promise<Place> {
    const segment = segmentFor(await this.list(signal), guess);
    if (!segment || timeMs > segment.closeAtMs[1]) return guess;
    const { records } = await this.#segment(segment, signal);
    const heads = records.map(({ message }) => readStreamHead(message));
    const { tick } = heads.findLast(({ closeAtMs }) => closeAtMs <= timeMs) ?? heads[0]!;
    return { epoch: segment.epoch, tick };
  }

  /**
   * Every tick from a place on, in order and each once, and then those to come as they come; a tick again when its document
   * changes behind it. After the last tick of an epoch the next epoch begins. A place before the first segment is that segment.
   * @throws what a question was not answered with; whoever goes on from the last place misses nothing.
   */
  async *play(from: Place, signal: AbortSignal): AsyncGenerator<PastMoment, never> {
    let step = await this.#begin(from, signal);
    let told = { epoch: from.epoch, tick: from.tick - 1, docRevision: Number.POSITIVE_INFINITY };
    const tell = (): PastMoment | undefined => {
      const { head, docRevision, ...more } = step.cursor.moment!;
      const isOther = head.epoch !== told.epoch || head.tick > told.tick;
      if (!isOther && (head.tick < told.tick || docRevision <= told.docRevision)) return undefined;
      told = { epoch: head.epoch, tick: head.tick, docRevision };
      return { ...more, head, docRevision, catalogue: step.cursor.catalogue! };
    };
    for (;;) {
      for (const { message } of step.rest) {
        // A tick is whole when what belongs to it of the document is here: that comes before the next tick.
        const whole = message[0] === STREAM_MESSAGE.tick ? tell() : undefined;
        if (whole) yield whole;
        step.cursor.take(KINDS[readStreamHead(message).type], message);
      }
      const last = step.isEnd ? tell() : undefined;
      if (last) yield last;
      const next: Step = await this.#follow(step, signal);
      const left = next.isAnew ? tell() : undefined;
      if (left) yield left;
      step = next;
    }
  }

  async #begin(from: Place, signal: AbortSignal): Promise<Step> {
    let timeline = await this.list(signal);
    if (!segmentFor(timeline, from)) timeline = await this.list(signal, 0);
    const segment = segmentFor(timeline, from);
    if (!segment)
      throw new ProtocolError('no_past', `No segment of epoch ${from.epoch} is finished yet; the first takes 10 s.`);
    return this.#open(segment, timeline, signal);
  }

  async #follow({ cursor, to, isEmpty }: Step, signal: AbortSignal): Promise<Step> {
    const { epoch, tick } = cursor.moment!.head;
    const timeline = await this.list(signal);
    const segment = segmentFor(timeline, { epoch, tick });
    // Its keyframe, or a tick further on, says the same as what is held, with all of the document.
    if (segment && segment.ticks[0] <= tick && tick < segment.ticks[1]) return this.#open(segment, timeline, signal);
    const later = nextEpoch(timeline, epoch);
    if (later) return { ...(await this.#open(later, timeline, signal)), isAnew: true };
    if (isEmpty) await pause(PAUSE_MS, signal);
    const answer = await this.#poll(to, signal);
    const { kind, ticks } = answer.head;
    const more = { to: answer.head.to, isEmpty: answer.head.to === to };
    if (kind === 'deltas') return { ...more, cursor, rest: answer.records, isEnd: ticks === 0, isAnew: false };
    return { ...more, cursor: await this.#cursorOf(answer, signal), rest: [], isEnd: true, isAnew: true };
  }

  async #open(segment: TimelineSegment, timeline: Timeline, signal: AbortSignal): Promise<Step> {
    const stretch = await this.#segment(segment, signal);
    const next = timeline.segments[timeline.segments.indexOf(segment) + 1];
    // What it fails with is told when its turn comes, should it fail then as well.
    if (next) this.#segment(next, signal).catch(() => undefined);
    const cursor = await this.#cursorOf(stretch, signal);
    const rest = stretch.records.slice(1);
    return { cursor, to: stretch.head.to, rest, isEnd: true, isAnew: false, isEmpty: false };
  }

  async #cursorOf({ head, records }: Stretch, signal: AbortSignal): Promise<RaceCursor> {
    // Whoever never looks back never needs it.
    const { RaceCursor } = await import('../../protocol/race-cursor.ts');
    const cursor = new RaceCursor();
    cursor.useCatalogue(await loadCatalogue(head.catalogue, this.#base, this.#source.fetch, signal));
    const { message } = records[0] ?? {};
    if (message?.[0] !== STREAM_MESSAGE.keyframe)
      throw new ProtocolError('bad_answer', 'What is to begin with a keyframe begins with something else.');
    cursor.take('keyframe', message);
    if (cursor.moment!.head.epoch !== head.epoch)
      throw new ProtocolError('bad_answer', `A keyframe of another epoch came in an answer of epoch ${head.epoch}.`);
    return cursor;
  }

  async #segment(segment: TimelineSegment, signal: AbortSignal): Promise<Stretch> {
    const { id } = segment;
    const coming = this.#coming.get(id);
    if (coming && !coming.signal.aborted) return coming.stretch;
    const stretch = this.#kept.get(id) ?? (await this.#fetchSegment(segment, signal));
    this.#kept.delete(id);
    this.#kept.set(id, stretch);
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    return stretch;
  }

  #fetchSegment({ id, epoch, ticks }: TimelineSegment, signal: AbortSignal): Promise<Stretch> {
    const read = async () => {
      const stretch = decodePollAnswer(await this.#get(`segments/${id}`, signal));
      const { kind, epoch: own, ticks: count } = stretch.head;
      const [first] = stretch.records;
      const isOther = first && readStreamHead(first.message).tick !== ticks[0];
      if (kind !== 'segment' || own !== epoch || count !== ticks[1] - ticks[0] || isOther)
        throw new ProtocolError('bad_answer', `What came for segment ${id} is another one.`);
      return stretch;
    };
    const coming = { signal, stretch: read() };
    this.#coming.set(id, coming);
    const forget = () => this.#coming.get(id) === coming && this.#coming.delete(id);
    return coming.stretch.finally(forget);
  }

  async #poll(since: string, signal: AbortSignal): Promise<Stretch> {
    const answer = decodePollAnswer(await this.#get(`poll?since=${since}`, signal));
    if (answer.head.kind === 'segment' || (answer.head.kind === 'deltas' && answer.head.from !== since))
      throw new ProtocolError('bad_answer', `The answer is not what follows ${since}.`);
    return answer;
  }

  get #base(): string {
    const { bases } = this.#source;
    return bases[this.#turn % bases.length]!;
  }

  async #get(path: string, signal: AbortSignal): Promise<Uint8Array> {
    const url = new URL(`races/${encodeURIComponent(this.#source.race)}/${path}`, this.#base).href;
    const answer = await this.#source.fetch(url, { signal });
    if (!answer.ok) {
      await answer.body?.cancel();
      throw new ProtocolError('no_past', `${url} was answered with status ${answer.status}.`);
    }
    return readAll(answer, MAX_BYTES, url);
  }
}

/** Ends early, and throws, when the signal does. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    function stop(): void {
      clearTimeout(timer);
      reject(signal.reason);
    }
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
