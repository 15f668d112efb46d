import type { NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { loadCatalogue } from '../ingest/builtin-catalogue.ts';
import { TICK_MS } from '../ingest/ingest.ts';
import { advanceDocument, createDocument } from '../ingest/race-document.ts';
import { encodePreamble, encodeTickMessage, encodeTrailers, RACE_START } from '../ingest/race-publisher.ts';
import { createSimulatorSource } from '../ingest/simulator-source.ts';
import { collectFields } from './recorded-states.ts';

const EPOCH = '5eed5eed5eed5eed';
/** Samples per second and car: few, for what counts here are the ticks. */
const RATE_HZ = 4;

/** A race that was run before the bench began, and lies in the stream. */
export interface PastRace {
  readonly epoch: string;
  /** By tick, the sequence of its message. */
  readonly seqs: readonly number[];
}

/** Puts a simulated race of 40 cars into the stream as fast as NATS takes it; its newest tick is of about now. */
export async function runPastRace(connection: NatsConnection, race: string, ticks: number): Promise<PastRace> {
  const catalogue = loadCatalogue('stock-car');
  const stream = await RaceStream.open(connection, race);
  await stream.ensure();
  const source = (clock: Parameters<typeof createSimulatorSource>[0]['clock']) =>
    createSimulatorSource({ catalogue, clock, seed: 24, rateHz: RATE_HZ, skipS: 120 });
  const fields = await collectFields(catalogue, source, ticks);
  const startMs = Math.floor(Date.now() / TICK_MS) * TICK_MS - (ticks - 1) * TICK_MS;
  const run = { epoch: EPOCH, catalogue, subjects: stream.subjects };
  let document = createDocument(race, 'simulation', startMs);
  let point = RACE_START;
  const lastSeqs = new Map<string, number>();
  const seqs: number[] = [];
  for (const [tick, field] of fields.entries()) {
    const closeAtMs = startMs + tick * TICK_MS;
    document = advanceDocument(document, catalogue, field, closeAtMs);
    const trailers = encodeTrailers(run, point, { field, document, closeAtMs }, tick === 0);
    const messages = [
      ...encodePreamble(run, point),
      encodeTickMessage(run, point, field, closeAtMs),
      ...trailers.messages,
    ];
    for (const { subject, data, id } of messages) {
      const stored = await stream.publish(subject, data, id, lastSeqs.get(subject) ?? 0);
      if (stored === 'conflict') throw new Error(`Somebody else publishes the race ${race}.`);
      lastSeqs.set(subject, stored.seq);
      if (subject === stream.subjects.tick) seqs.push(stored.seq);
    }
    point = trailers.point;
  }
  return { epoch: EPOCH, seqs };
}
