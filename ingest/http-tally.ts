import type { RefusalReason, SourceSink } from './source.ts';

/** An answer lists this many refusals; the rest is counted only. */
const MAX_LISTED = 20;

/** What became of the frames of one request. */
export interface HttpTally {
  /** Passes everything on and notes it. */
  readonly sink: SourceSink;
  /** Line of the body that is being read, from 1; 0 outside NDJSON. */
  line: number;
  /** Frames and facts that counted. */
  readonly accepted: number;
  /** Notes why the request as a whole failed; returns the status. It is no frame, so it is not counted as one. */
  fail(status: number, detail: string): number;
  /** The body of the answer. */
  report(): object;
}

export function createHttpTally(sink: SourceSink): HttpTally {
  let accepted = 0;
  let refusedCount = 0;
  const refused: { line?: number; reason: RefusalReason; detail: string }[] = [];
  let error: string | undefined;
  const tally: HttpTally = {
    sink: {
      frame(frame) {
        accepted++;
        sink.frame(frame);
      },
      facts(facts) {
        accepted++;
        sink.facts(facts);
      },
      refuse(reason, detail) {
        refusedCount++;
        if (refused.length < MAX_LISTED) refused.push({ ...(tally.line > 0 && { line: tally.line }), reason, detail });
        sink.refuse(reason, detail);
      },
    },
    line: 0,
    get accepted() {
      return accepted;
    },
    fail(status, detail) {
      error = detail;
      return status;
    },
    report: () => ({ accepted, refusedCount, refused, ...(error !== undefined && { error }) }),
  };
  return tally;
}
