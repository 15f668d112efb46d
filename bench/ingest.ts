import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Usage, Values } from '../cli/flags.ts';
import { loadCatalogue } from '../ingest/builtin-catalogue.ts';
import { Downsampler } from '../ingest/downsampler.ts';
import { createFrameDecoder } from '../ingest/frame-decoder.ts';
import { TICK_MS } from '../ingest/ingest.ts';
import { encodePackedFrame } from '../ingest/packed-frame.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { EMPTY_FIELD } from '../protocol/field.ts';
import { pack } from '../protocol/pack.ts';
import { encodeTick } from '../protocol/tick-message.ts';
import { startNatsServer } from '../testing/nats-server.ts';
import { cpuSeconds } from './cpu.ts';
import { cutCatalogue, type KeptFrame, recordFrames } from './field-frames.ts';
import { quantile, round } from './machine.ts';
import { startService, startWorker } from './processes.ts';

const FLAGS = {
  cars: { kind: 'integer', min: 1, max: 40, default: 40, help: 'Cars in the field.' },
  channels: { kind: 'integer', min: 10, max: 150, default: 120, help: 'Channels that each frame carries.' },
  rate: { kind: 'integer', min: 1, max: 120, default: 120, unit: 'Hz', help: 'Frames per second and car.' },
  seconds: { kind: 'integer', min: 5, max: 600, default: 20, unit: 's', help: 'How long to load the real ingest.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- ingest [flags]',
  purpose:
    'Loads a real ingest over a real nats-server with packed frames of a simulated field and measures its share of one core; then, in this process, the most samples that one core takes through decoding, downsampling and encoding.',
  flags: FLAGS,
};

async function loadIngest(flags: Values<typeof FLAGS>, catalogueFile: string): Promise<Record<string, unknown>> {
  const nats = await startNatsServer();
  const address = `127.0.0.1:${nats.port}`;
  try {
    const ingest = await startService([
      'ingest',
      '--race',
      'bench',
      '--nats',
      address,
      '--catalogue',
      catalogueFile,
      '--log',
      'json',
    ]);
    process.stderr.write('recording the simulated field\n');
    const load = await startWorker('load-generator.ts', [
      address,
      'bench',
      catalogueFile,
      String(flags.cars),
      String(flags.rate),
      String(flags.seconds),
    ]);
    process.stderr.write(`loading ingest for ${flags.seconds} s\n`);
    const cpuBefore = cpuSeconds(ingest.pid);
    const begin = performance.now();
    load.child.send('go');
    const [{ samples: sent }] = (await once(load.child, 'message')) as [{ samples: number }];
    const seconds = (performance.now() - begin) / 1000;
    const cpu = cpuSeconds(ingest.pid) - cpuBefore;
    await ingest.stop();
    const ending = ingest
      .said()
      .split('\n')
      .find((line) => line.includes('"msg":"Ending'));
    if (!ending) throw new Error(`ingest did not say what it counted:\n${ingest.said()}`);
    const counts = JSON.parse(ending) as Record<string, number>;
    return {
      sent_samples: sent,
      lost_samples: sent - counts.samples!,
      samples_per_s: Math.round(counts.samples! / seconds),
      core_share: round(cpu / seconds, 3),
      ticks: counts.ticks,
      late_ticks: counts.late_ticks ?? 0,
    };
  } finally {
    await nats.stop();
  }
}

/** Samples per second through decoding, downsampling and encoding on this one thread: the median of several rounds. */
function measureMost(
  catalogue: Catalogue,
  frames: readonly KeptFrame[],
  encode: (frame: KeptFrame, atMs: number) => Uint8Array,
): number {
  const spanMs = frames.at(-1)!.offsetMs + 1;
  const rates: number[] = [];
  for (let n = 0; n < 7; n++) {
    const startMs = 1_700_000_000_000;
    const encoded = frames.map((frame) => ({
      atMs: startMs + frame.offsetMs,
      bytes: encode(frame, startMs + frame.offsetMs),
    }));
    const downsampler = new Downsampler({ catalogue, tickMs: TICK_MS });
    const decoder = createFrameDecoder(catalogue);
    let nowMs = startMs;
    let samples = 0;
    let field = EMPTY_FIELD;
    let tick = 0;
    const sink = {
      frame: (frame: Parameters<Downsampler['add']>[0]) => {
        samples += frame.count;
        downsampler.add(frame, nowMs);
      },
      facts: () => {},
      refuse: (reason: string, detail: string) => {
        throw new Error(`${reason}: ${detail}`);
      },
    };
    const begin = performance.now();
    let closeAtMs = startMs + TICK_MS;
    for (const { atMs, bytes } of encoded) {
      nowMs = atMs;
      while (atMs >= closeAtMs) {
        const next = downsampler.close(closeAtMs);
        encodeTick(
          { tick: tick++, closeAtMs, epoch: '0123456789abcdef', catalogueTag: catalogue.tag },
          catalogue,
          field,
          next,
        );
        field = next;
        closeAtMs += TICK_MS;
      }
      decoder.decode(bytes, {}, sink);
    }
    const seconds = (performance.now() - begin) / 1000;
    if (spanMs < TICK_MS) throw new Error('the recording is shorter than a tick');
    // The first rounds are for the compiler.
    if (n >= 2) rates.push(samples / seconds);
  }
  return Math.round(quantile(rates, 0.5));
}

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const catalogue = cutCatalogue(loadCatalogue('stock-car'), flags.channels);
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-bench-'));
  try {
    const file = join(folder, 'catalogue.json');
    writeFileSync(file, catalogue.json);
    const loaded = await loadIngest(flags, file);
    process.stderr.write('measuring the most that one core takes\n');
    const frames = await recordFrames(catalogue, flags.cars, flags.rate, 3);
    const keys = Array.from(catalogue.packedOrder, (index) => catalogue.channels[index]!.key);
    const named = (frame: KeptFrame, atMs: number) =>
      pack({ car: frame.car, at: atMs, values: Object.fromEntries(keys.map((key, at) => [key, frame.values[at]])) });
    return {
      cars: flags.cars,
      channels: catalogue.packedOrder.length,
      rate_hz: flags.rate,
      ...loaded,
      max_samples_per_s_per_core: measureMost(catalogue, frames, (frame, atMs) =>
        encodePackedFrame(catalogue, frame.car, atMs, frame.values),
      ),
      max_named_samples_per_s_per_core: measureMost(catalogue, frames, named),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
