import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { ArchiveReader } from './archive-reader.ts';
import { openFile, sourceOf } from './byte-source.ts';
import { cutRace } from './cut-race.ts';
import { exportRace } from './export-race.ts';
import { writeArchiveFile } from './file-writer.ts';
import { importRace } from './import-race.ts';
import { verifyArchive } from './report.ts';
import { simulateMessages } from './testing/race-messages.ts';
import type { ArchivedMessage } from './tick-block.ts';

const EPOCH = '5eed5eed5eed5eed';
let server: TestNatsServer;
let connection: NatsConnection;
let race: ArchivedMessage[];
let folder: string;
let count = 0;

beforeAll(async () => {
  server = await startNatsServer();
  connection = await connectNats({ servers: [server.url], name: 'test' });
  race = await simulateMessages(300);
  folder = mkdtempSync(join(tmpdir(), 'slipstream-archive-'));
});

afterAll(async () => {
  await connection.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

let stream: RaceStream;
beforeEach(async () => {
  stream = await RaceStream.open(connection, `race-${++count}`);
});

async function publish(to: RaceStream, messages: readonly ArchivedMessage[]): Promise<void> {
  await to.ensure();
  const lastSeqs = new Map<string, number>();
  for (const { kind, seq, data } of messages) {
    const subject = to.subjects.all.slice(0, -1) + kind;
    const stored = await to.publish(subject, data, `${seq}`, lastSeqs.get(subject) ?? 0);
    if (stored === 'conflict') throw new Error('The test race does not fit.');
    lastSeqs.set(subject, stored.seq);
  }
}

/** What a stream holds, as text: quick to compare. */
async function contentOf(of: RaceStream): Promise<string[]> {
  const { firstSeq, lastSeq } = (await of.range())!;
  const prefix = of.subjects.all.length - 1;
  const messages = await of.read(firstSeq, lastSeq, 10_000);
  return messages.map(({ subject, seq, data }) => textOf({ kind: subject.slice(prefix), seq, data }));
}

const textOf = ({ kind, seq, data }: ArchivedMessage) => `${kind} ${seq} ${Buffer.from(data).toString('base64')}`;
const path = (name: string) => join(folder, name);
const readerOf = (file: string) => ArchiveReader.open(sourceOf(new Uint8Array(readFileSync(file))));

describe('a race', () => {
  it('goes into a file and back into another NATS stream, byte for byte and sequence for sequence', async () => {
    await publish(stream, race);
    const file = path('race');
    const contents = await exportRace(stream, (await stream.range())!, file);
    expect(contents.messages.tick).toBe(300);
    const other = await RaceStream.open(connection, `race-${++count}`);
    const opened = await openFile(file);
    const result = await importRace(await ArchiveReader.open(opened), other);
    await opened.close();
    expect(result).toEqual({ stored: race.length, present: 0, problems: [] });
    expect(await contentOf(other)).toEqual(race.map(textOf));
  });

  it('keeps its sequences when the stream has forgotten its beginning, and when some are missing', async () => {
    const some = race.filter(({ seq, kind }) => seq > 100 && (kind !== 'doc' || seq > 200));
    const file = path('late');
    await writeArchiveFile(file, 'late', async (take) => {
      for (const message of [{ ...race[0]!, seq: 90 }, ...some]) take(message);
    });
    await importRace(await readerOf(file), stream);
    expect(await contentOf(stream)).toEqual([textOf({ ...race[0]!, seq: 90 }), ...some.map(textOf)]);
  });

  it('is imported further when the import was broken off, and not at all over another race', async () => {
    await publish(stream, race.slice(0, 123));
    const file = path('again');
    await writeArchiveFile(file, 'again', async (take) => {
      race.forEach(take);
    });
    const reader = await readerOf(file);
    expect(await importRace(reader, stream)).toMatchObject({ stored: race.length - 123, present: 123 });
    expect(await contentOf(stream)).toEqual(race.map(textOf));
    expect(await importRace(reader, stream)).toMatchObject({ stored: 0, present: race.length });
    const other = path('other');
    await writeArchiveFile(other, 'other', async (take) => {
      for (const message of race) take({ ...message, seq: message.seq + 1 });
    });
    await expect(importRace(await readerOf(other), stream)).rejects.toMatchObject({ code: 'race_exists' });
    const beyond = path('beyond');
    await writeArchiveFile(beyond, 'beyond', async (take) => take({ ...race[0]!, seq: 99_999 }));
    await expect(importRace(await readerOf(beyond), stream)).rejects.toMatchObject({ code: 'race_exists' });
    expect(await contentOf(stream)).toEqual(race.map(textOf));
  });

  it('loses with a damaged block what was in it, and goes on behind it', async () => {
    const file = path('damaged');
    const { blocks } = await writeArchiveFile(file, 'damaged', async (take) => {
      race.forEach(take);
    });
    const [, , hit] = blocks;
    const bytes = readFileSync(file);
    bytes[hit!.at + 500]! ^= 4;
    writeFileSync(file, bytes);
    const { problems } = await importRace(await readerOf(file), stream);
    expect(problems).toHaveLength(1);
    const [first, last] = hit!.seqs!;
    expect(await contentOf(stream)).toEqual(race.filter(({ seq }) => seq < first || seq > last).map(textOf));
  });

  it('can be cut: the part is sound and has the sequences that it had', async () => {
    const file = path('whole');
    await writeArchiveFile(file, 'whole', async (take) => {
      race.forEach(take);
    });
    const part = path('part');
    const cut = await cutRace(await readerOf(file), { epoch: EPOCH, from: 100, to: 250 }, part, () => {});
    expect(cut.messages.tick).toBe(151);
    const reader = await readerOf(part);
    expect(await verifyArchive(reader, () => {})).toMatchObject({ ticks: 151, problems: [] });
    await importRace(reader, stream);
    const content = await contentOf(stream);
    const isTick = (text: string) => text.startsWith('tick ');
    expect(content.filter(isTick)).toEqual(race.map(textOf).filter(isTick).slice(100, 251));
  });

  it('leaves no file when it breaks off, and keeps the one that was there', async () => {
    const file = path('kept');
    writeFileSync(file, 'before');
    writeFileSync(`${file}.999999.part`, 'of a process that is gone');
    const broken = writeArchiveFile(file, 'kept', async (take) => {
      race.slice(0, 50).forEach(take);
      throw new Error('broken off');
    });
    await expect(broken).rejects.toThrow('broken off');
    expect(readFileSync(file, 'utf8')).toBe('before');
    expect(readdirSync(folder).filter((name) => name.startsWith('kept'))).toEqual(['kept']);
    await expect(writeArchiveFile('/no/such/folder/race', 'x', async () => {})).rejects.toMatchObject({
      code: 'cannot_write',
    });
  });
});
