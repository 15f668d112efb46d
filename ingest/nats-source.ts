import type { Catalogue } from '../protocol/catalogue.ts';
import { SourceError } from '../protocol/errors.ts';
import { createFrameDecoder } from './frame-decoder.ts';
import { decodeFacts } from './race-facts.ts';
import type { Source } from './source.ts';

/** What this source needs of an open NATS connection; `NatsConnection` of `@nats-io/nats-core` has it. */
export interface RawSubscriber {
  subscribe(subject: string, options: { callback: RawCallback }): { unsubscribe(): void };
  /** Resolves after the server has seen everything sent before, so that a subscription is known to stand. */
  flush(): Promise<void>;
}
type RawCallback = (error: Error | null, message: { subject: string; data: Uint8Array }) => void;

/** A race id is one token of a NATS subject. */
const RACE_ID = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Frames from `raw.<race>.<car>` and facts from `raw.<race>`, over core NATS.
 *
 * Each message is handled inside the callback of the connection, so that no queue of ours can grow: a pipeline that
 * is too slow lets the socket fill, and the server then drops the connection as a slow consumer, which counts.
 *
 * @param connection Open, and closed by whoever opened it; a reconnect renews the subscriptions by itself. One that is
 *   still to come may come after the start, or never.
 */
export function createNatsSource(
  connection: RawSubscriber | Promise<RawSubscriber>,
  race: string,
  catalogue: Catalogue,
): Source {
  let subscriptions: { unsubscribe(): void }[] | undefined;
  return {
    name: `nats raw.${race}.>`,
    kind: 'live',
    async start(sink) {
      if (subscriptions) throw new SourceError('already_started', `The source nats raw.${race}.> is already started.`);
      if (!RACE_ID.test(race))
        throw new SourceError('bad_race', `Race id ${JSON.stringify(race)} must match ${RACE_ID}.`);
      const decoder = createFrameDecoder(catalogue);
      const prefix = `raw.${race}.`;
      subscriptions = [];
      const subscribe = (open: RawSubscriber) => {
        const listen = (subject: string, take: (message: { subject: string; data: Uint8Array }) => void) =>
          open.subscribe(subject, {
            callback(error, message) {
              // An unsubscribed callback may still be called for what the client had already read.
              if (subscriptions && !error) take(message);
            },
          });
        subscriptions?.push(
          listen(`${prefix}*`, ({ subject, data }) =>
            decoder.decode(data, { car: subject.slice(prefix.length) }, sink),
          ),
          listen(`raw.${race}`, ({ data }) => decodeFacts(data, sink)),
        );
      };
      const open = await Promise.race([connection, undefined]);
      if (!open) {
        // Without one nothing can be heard, and whoever waits for it is told why.
        void Promise.resolve(connection).then(
          (late) => subscriptions && subscribe(late),
          () => {},
        );
        return;
      }
      try {
        subscribe(open);
        await open.flush();
      } catch (cause) {
        unsubscribeAll();
        const detail = cause instanceof Error ? cause.message : String(cause);
        throw new SourceError('cannot_subscribe', `Cannot subscribe to raw.${race}.> in NATS (${detail}).`, {
          cause,
          retryable: true,
        });
      }
    },
    async stop() {
      unsubscribeAll();
    },
  };

  function unsubscribeAll() {
    for (const one of subscriptions ?? []) one.unsubscribe();
    subscriptions = undefined;
  }
}
