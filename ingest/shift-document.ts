import type { RaceDocument, Standing } from '../protocol/document.ts';

/** The same document, as if the race were so many ms later. @param shiftMs Whole. */
export function shiftDocument(document: RaceDocument, shiftMs: number): RaceDocument {
  const at = <T extends number | null | undefined>(ms: T): T => (typeof ms === 'number' ? ((ms + shiftMs) as T) : ms);
  const { session, standings, pitStops, laps, flags, control } = document;
  return {
    ...document,
    ...(session && { session: { ...session, startedAtMs: at(session.startedAtMs) } }),
    ...(standings && { standings: mapValues(standings, (one) => ({ ...one, lineAtMs: at(one.lineAtMs) })) }),
    ...(laps && { laps: laps.map((one) => ({ ...one, atMs: at(one.atMs) })) }),
    ...(flags && { flags: flags.map((one) => ({ ...one, atMs: at(one.atMs) })) }),
    ...(control && { control: control.map((one) => ({ ...one, atMs: at(one.atMs) })) }),
    ...(pitStops && {
      pitStops: pitStops.map((stop) => ({ ...stop, inAtMs: at(stop.inAtMs), outAtMs: at(stop.outAtMs) })),
    }),
  };
}

const mapValues = (record: Readonly<Record<string, Standing>>, change: (value: Standing) => Standing) =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
