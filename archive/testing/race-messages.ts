import { collectFields } from '../../bench/recorded-states.ts';
import { loadCatalogue } from '../../ingest/builtin-catalogue.ts';
import { advanceDocument, createDocument } from '../../ingest/race-document.ts';
import { encodePreamble, encodeTickMessage, encodeTrailers, RACE_START } from '../../ingest/race-publisher.ts';
import { createSimulatorSource } from '../../ingest/simulator-source.ts';
import type { ArchivedMessage } from '../tick-block.ts';

const SUBJECTS = { catalogue: 'catalogue', tick: 'tick', keyframe: 'keyframe', doc: 'doc' };

/** The stream of a simulated race, with few samples. @param skipS Simulated seconds before the first tick. */
export async function simulateMessages(
  ticks: number,
  { cars = 6, epoch = '5eed5eed5eed5eed', firstSeq = 1, skipS = 120 } = {},
): Promise<ArchivedMessage[]> {
  const catalogue = loadCatalogue('stock-car');
  const fields = await collectFields(
    catalogue,
    (clock) => createSimulatorSource({ catalogue, clock, seed: 24, rateHz: 4, skipS, cars }),
    ticks,
  );
  const run = { epoch, catalogue, subjects: SUBJECTS };
  const startMs = 1_764_000_000_000;
  let document = createDocument('demo', 'simulation', startMs);
  let point = RACE_START;
  const messages: ArchivedMessage[] = [];
  for (const [tick, field] of fields.entries()) {
    const closeAtMs = startMs + tick * 500;
    document = advanceDocument(document, catalogue, field, closeAtMs);
    const trailers = encodeTrailers(run, point, { field, document, closeAtMs }, tick === 0);
    const all = [...encodePreamble(run, point), encodeTickMessage(run, point, field, closeAtMs), ...trailers.messages];
    for (const { subject, data } of all) messages.push({ kind: subject, seq: firstSeq + messages.length, data });
    point = trailers.point;
  }
  return messages;
}
