import { connectNats } from '../broker/connection.ts';
import { loadCatalogue } from '../ingest/builtin-catalogue.ts';
import { encodePackedFrame } from '../ingest/packed-frame.ts';
import { recordFrames } from './field-frames.ts';

// Plays a field of cars into core NATS at a fixed rate, as their gateways would. Arguments: address, race, catalogue
// file, cars, Hz, seconds. Tells its parent `ready`, begins when told to, and at the end how many samples it sent.
const [address, race, file, cars, rateHz, seconds] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const RECORDED_S = 5;

const catalogue = loadCatalogue(file);
const frames = await recordFrames(catalogue, Number(cars), Number(rateHz), RECORDED_S);
const packed = frames.map((frame) => encodePackedFrame(catalogue, frame.car, 0, frame.values));
const perInstant = Number(cars);
const instants = Math.floor(frames.length / perInstant);
const connection = await connectNats({ servers: [address], name: 'load generator' });

const begun = Promise.withResolvers<void>();
process.once('message', () => begun.resolve());
process.send!('ready');
await begun.promise;

const AT_MS_OFFSET = 16;
const startMs = Date.now();
const origin = performance.now();
const stepMs = 1000 / Number(rateHz);
const total = Math.floor(Number(seconds) * Number(rateHz));
let sent = 0;
while (sent < total) {
  const due = Math.min(total, Math.floor((performance.now() - origin) / stepMs));
  for (; sent < due; sent++) {
    const base = (sent % instants) * perInstant;
    for (let i = 0; i < perInstant; i++) {
      const bytes = packed[base + i]!;
      new DataView(bytes.buffer, bytes.byteOffset).setFloat64(AT_MS_OFFSET, startMs + sent * stepMs, true);
      connection.publish(`raw.${race}.${frames[base + i]!.car}`, bytes);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 4));
}
await connection.flush();
process.send!({ samples: total * perInstant * catalogue.packedOrder.length });
await connection.close();
process.disconnect();
