import type { RaceStream } from '../broker/race-stream.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { TelemetryError } from '../protocol/errors.ts';
import { Publisher } from './publisher.ts';
import { readNewest, replaySpooled, type Standstill, seqsOf } from './recovery.ts';
import { type Spool, SpoolError, type SpoolLeft } from './spool.ts';
import { planSpool } from './spool-plan.ts';

type Say = (level: 'info' | 'warn', message: string) => void;

/** What became of a spool. */
export interface SpoolOutcome {
  /** Messages that went into the stream. */
  readonly published: number;
  /** Why the end of the stream must not be continued: NATS has lost what it had acknowledged. One sentence. */
  readonly loss?: string;
}

const NOTHING: SpoolOutcome = { published: 0 };

/**
 * Puts into the stream what an earlier process has left in the spool, as far as it follows what is there; what does not
 * is forgotten, and that is said. Afterwards the spool is empty. Waits while NATS is away.
 * @param signal Ends the waiting; the spool keeps the rest.
 * @throws what the stream throws when it is asked what it holds, ask again then; the reason of `signal`.
 */
export async function publishLeft(
  spool: Spool,
  stream: RaceStream,
  say: Say,
  signal: AbortSignal,
): Promise<SpoolOutcome> {
  const left = loadLeft(spool, say);
  if (!left) return NOTHING;
  try {
    const newest = await readNewest(stream);
    const plan = planSpool(left, newest, stream.subjects.tick, spool.readAll(left.settled.upTo));
    const waiting = left.end - left.settled.upTo;
    if (plan.kind === 'discard') {
      say('warn', `${waiting} messages in the spool ${spool.folder} are forgotten: ${plan.reason}.`);
      spool.discard();
      return plan.isLoss ? { published: 0, loss: `${plan.reason}: it has lost data.` } : NOTHING;
    }
    const published = left.end - plan.from;
    if (published > 0) say('info', `${published} messages that waited in ${spool.folder} are published first.`);
    const error = await publish(spool, stream, { found: left, from: plan.from }, seqsOf(newest), say, signal);
    if (!error) return { published };
    say('warn', `The rest of the spool ${spool.folder} is forgotten: ${error.message}`);
    spool.discard();
    return error.code === 'stream_lost' ? { published, loss: error.message } : { published };
  } catch (error) {
    if (!(error instanceof SpoolError)) throw error;
    say('warn', `The spool ${spool.folder} is forgotten: ${error.message}`);
    spool.discard();
    return NOTHING;
  } finally {
    spool.close();
  }
}

/**
 * What an earlier process has left in the spool and where the race stands after it, when that can be known without the
 * stream: all of it can be read and is in this catalogue. Otherwise the spool is closed, and why is said.
 */
export function resumeSpool(
  spool: Spool,
  catalogue: Catalogue,
  say: Say,
): { readonly left: SpoolLeft; readonly standstill: Standstill } | undefined {
  const left = loadLeft(spool, say);
  if (!left) return undefined;
  try {
    if (left.catalogue !== catalogue.hash) throw new SpoolError('other_catalogue', 'It is in another catalogue.');
    const { base, messages } = spool.readNewest();
    return { left, standstill: replaySpooled(left.epoch, catalogue, base, messages) };
  } catch (error) {
    if (!(error instanceof TelemetryError)) throw error;
    say('warn', `The race does not go on from the spool ${spool.folder} before NATS is there: ${error.message}`);
    spool.close();
    return undefined;
  }
}

/** What an earlier process has left; a spool that cannot be used is as good as none, and that is said. */
function loadLeft(spool: Spool, say: Say): SpoolLeft | undefined {
  try {
    const left = spool.load();
    if (!left) spool.close();
    else if (left.droppedBytes > 0) {
      say(
        'warn',
        `The spool ${spool.folder} ends in the middle of a record: its last ${left.droppedBytes} bytes are dropped.`,
      );
    }
    return left;
  } catch (error) {
    if (!(error instanceof SpoolError)) throw error;
    say('warn', `${error.message.replace(/\.$/, '')}; what NATS does not take waits in memory.`);
    return undefined;
  }
}

/** @returns why not all of it could be published. */
async function publish(
  spool: Spool,
  stream: RaceStream,
  left: { readonly found: SpoolLeft; readonly from: number },
  lastSeqs: ReadonlyMap<string, number>,
  say: Say,
  signal: AbortSignal,
): Promise<TelemetryError | undefined> {
  if (left.from === left.found.end) {
    spool.discard();
    return undefined;
  }
  let problem: TelemetryError | undefined;
  const identity = { epoch: left.found.epoch, catalogue: left.found.catalogue };
  const publisher = new Publisher({
    stream,
    lastSeqs,
    spool: { store: spool, identity },
    left,
    onFatal: (error) => {
      problem = error;
    },
    onBlocked: (reason) => say('warn', `NATS takes nothing of what waits in ${spool.folder} (${reason}).`),
  });
  const stop = () => publisher.stop();
  signal.addEventListener('abort', stop);
  if (!signal.aborted) await publisher.flush();
  signal.removeEventListener('abort', stop);
  publisher.stop();
  signal.throwIfAborted();
  return problem;
}
