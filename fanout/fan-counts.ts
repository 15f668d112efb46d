import type { Fan, FanStage, Transport } from './fan.ts';

/** How many fans are in each stage. */
export function countStages(fans: Iterable<Fan>): Record<Exclude<FanStage, 'gone'>, number> {
  const stages = { new: 0, parked: 0, live: 0 };
  for (const { stage } of fans) if (stage !== 'gone') stages[stage]++;
  return stages;
}

/** How many fans are reached by each transport. */
export function countTransports(fans: Iterable<Fan>): Record<Transport, number> {
  const transports = { websocket: 0, sse: 0 };
  for (const { sink } of fans) transports[sink.transport]++;
  return transports;
}

/** Bytes that wait in the sockets of all fans. */
export function countPendingBytes(fans: Iterable<Fan>): number {
  let bytes = 0;
  for (const fan of fans) bytes += fan.sink.bufferedBytes();
  return bytes;
}
