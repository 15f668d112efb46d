/** An ingest in a process of its own, for tests that kill it: `node ingest-child.ts <nats url> <race> [<spool>]`. */
import { awaitNats, connectNats } from '../broker/connection.ts';
import { createClock } from '../ingest/clock.ts';
import { startIngest } from '../ingest/ingest.ts';
import { holdsSpool } from '../ingest/spool.ts';
import { digestField } from '../protocol/field.ts';
import { createSyntheticSource, TEST_CATALOGUE } from './synthetic-source.ts';

const [url, race, spool] = process.argv.slice(2) as [string, string, string?];
const broker = { servers: [url], name: 'ingest child' };
const connection =
  spool && holdsSpool(spool) ? awaitNats(broker, new AbortController().signal) : await connectNats(broker);
// Ten times as fast as real: a tick every 50 ms gives a kill many places to hit.
const speed = Number(process.env.SPEED ?? 10);
const clock = createClock(Date.now() * speed, speed);
const say = (event: string, detail: unknown) => process.stdout.write(`${JSON.stringify({ event, detail })}\n`);
const ingest = await startIngest({
  connection,
  race,
  catalogue: TEST_CATALOGUE,
  clock,
  sources: [createSyntheticSource(clock)],
  ...(spool ? { spool: { folder: spool, maxBytes: 1e8 } } : {}),
  onLog: (_, message) => say('log', message),
  onTick: ({ tick, field }) => say('tick', { tick, digest: digestField(field) }),
});
say('started', ingest.epoch);
try {
  await ingest.done;
} catch (error) {
  say('failed', (error as { code?: string }).code);
  process.exitCode = 1;
}
await (await connection).close();
