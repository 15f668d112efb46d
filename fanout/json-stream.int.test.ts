import { type IncomingMessage, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Edge } from './edge.ts';
import { readValues } from './json-race.ts';
import { JsonReader } from './testing/json-reader.ts';
import { Stage, ticksFrom } from './testing/stage.ts';
import { until } from './testing/until.ts';

let stage: Stage;
const ends: (() => void)[] = [];
beforeEach(async () => {
  stage = await Stage.set();
  await stage.publisher.begin();
});
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await stage.strike();
});

/** Somebody with `curl`. */
class Person {
  readonly reader: JsonReader;
  status: number | undefined;
  headers: IncomingMessage['headers'] = {};
  text = '';
  isEnded = false;
  failure: unknown;
  response: IncomingMessage | undefined;
  readonly leave: () => void;

  constructor(edge: Edge, query: string, headers: Record<string, string> = {}, reader = new JsonReader()) {
    this.reader = reader;
    const asked = request(`${edge.url}/races/oval/events${query}`, { headers, agent: false }, (response) => {
      Object.assign(this, { status: response.statusCode, headers: response.headers, response });
      response.setEncoding('utf8');
      response.on('data', (text: string) => this.#take(text));
      response.on('error', () => {});
      response.on('close', () => {
        this.isEnded = true;
      });
    });
    asked.on('error', () => {});
    this.leave = () => asked.destroy();
    ends.push(this.leave);
    asked.end();
  }

  #take(text: string): void {
    this.text += text;
    try {
      if (this.status === 200) this.reader.take(text);
    } catch (error) {
      this.failure ??= error;
    }
  }
}

const caughtUp = (person: Person) =>
  until(`tick ${stage.writer.tick}`, () => {
    if (person.failure) throw person.failure;
    return person.reader.held?.tick === stage.writer.tick;
  });

const transportsOf = (edge: Edge) => edge.stats().races.oval!.transports;

/** Publishes until somebody's connection takes no more; sockets of the operating system take some megabytes before. */
async function clog(edge: Edge, ...readers: Person[]): Promise<void> {
  const ballast = { op: 'add', path: '/ballast', value: 'x'.repeat(400_000) } as const;
  for (let n = 0; edge.stats().races.oval!.pendingBytes === 0; n++) {
    if (n === 500) throw new Error('Nothing waits at the edge.');
    await stage.publisher.put(stage.writer.nextTick(), stage.writer.docPatch([ballast]));
    await stage.atHead(edge);
    for (const reader of readers) await caughtUp(reader);
  }
}

describe('a stream of events for people', () => {
  it('J1 is a snapshot in names and units, and a patch for each tick', async () => {
    const edge = await stage.edgeAtHead();
    const person = new Person(edge, '?watch=0:full');
    const all = new Person(edge, '');
    await caughtUp(person);
    await stage.publisher.run(25);
    await Promise.all([caughtUp(person), caughtUp(all)]);
    const { catalogue, field, document } = stage.writer;
    const valuesOf = (slot: number, view: string) =>
      readValues(catalogue, catalogue.viewOf(view)!, field.states[slot]!);
    const present = [...field.cars.keys()].filter((slot) => field.states[slot]);
    const of = (slots: readonly number[], view: string) =>
      Object.fromEntries(slots.map((slot) => [field.cars[slot]!, valuesOf(slot, view)]));
    expect(person.reader.held!.cars).toEqual(
      of(
        present.filter((slot) => slot === 0),
        'full',
      ),
    );
    expect(all.reader.held!.cars).toEqual(of(present, 'essentials'));
    expect(person.reader.ticks).toEqual(ticksFrom(0, 25));
    // The document of this tick comes with the next one, or after a second.
    await until('the document', () => JSON.stringify(person.reader.held!.document) === JSON.stringify(document));
    expect(person.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
    });
    expect(transportsOf(edge)).toEqual({ websocket: 0, sse: 0, json: 2, poll: 0 });
    expect(edge.stats().fans).toBe(2);
    person.leave();
    await until('it is gone', () => transportsOf(edge).json === 1);
  });

  it('J2 goes on from the last event that was read: on another edge too, and out of the stream', async () => {
    const edge = await stage.edgeAtHead();
    const person = new Person(edge, '?watch=0:full,1:driver');
    await caughtUp(person);
    person.leave();
    await stage.publisher.run(300);
    const other = await stage.edgeAtHead();
    await stage.atHead(edge);
    for (const each of [edge, other]) {
      const before = new JsonReader();
      Object.assign(before, { held: person.reader.held, lastEventId: person.reader.lastEventId });
      const headers = { 'last-event-id': person.reader.lastEventId };
      const back = new Person(each, '?watch=0:full,1:driver', headers, before);
      await caughtUp(back);
      expect(back.reader.ticks).toEqual(ticksFrom(1, 300));
      expect(new Set(back.reader.receipts.map(({ kind }) => kind))).toEqual(new Set(['deltas']));
    }
  });

  it.each<[string, string, number, string]>([
    ['a view that there is not', '?watch=0:wings', 400, 'bad_watch'],
    ['a rate that there is not', '?rate=7', 400, 'bad_rate'],
    ['another version', '?format=json&version=9', 400, 'bad_version'],
  ])('J3 refuses %s', async (_, query, status, error) => {
    const edge = await stage.edgeAtHead();
    const person = new Person(edge, query);
    await until('the answer has ended', () => person.isEnded);
    expect(person.status).toBe(status);
    expect(JSON.parse(person.text)).toMatchObject({ error });
    expect(edge.stats().fans).toBe(0);
  });

  it('J3 takes back a browser whose old address names a view that the catalogue has no more', async () => {
    const edge = await stage.edgeAtHead();
    await stage.publisher.run(20);
    const person = new Person(edge, '?watch=0:wings,1:full', { 'last-event-id': `${'f'.repeat(16)}:7` });
    await caughtUp(person);
    expect(person.status).toBe(200);
    expect(person.reader.held!.cars).not.toHaveProperty('0');
    expect(person.reader.receipts).toMatchObject([{ kind: 'snapshot', reason: 'other_epoch' }]);
  });

  it('J4 is for whoever names no version of the protocol, or asks for it', async () => {
    const edge = await stage.edgeAtHead();
    const kinds = ['?watch=0', '?watch=0&version=1&format=json', '?watch=0&version=1', '?watch=0&format=binary'].map(
      (query) => new Person(edge, query),
    );
    for (const person of kinds) await until('something comes', () => person.text.includes('data:'));
    await until('all are in', () => transportsOf(edge).json + transportsOf(edge).sse === 4);
    expect(transportsOf(edge)).toMatchObject({ json: 2, sse: 2 });
  });

  it('J5 ends when the edge leaves, after the lead, and says so', async () => {
    const edge = await stage.edgeAtHead();
    const person = new Person(edge, '');
    await caughtUp(person);
    const drained = edge.drain({ leadMs: 200, maxWindowMs: 60_000 });
    await stage.publisher.run(1);
    await caughtUp(person);
    await drained;
    await until('it has ended', () => person.isEnded);
    expect(person.reader.closed).toEqual({ code: 4000, reason: 'going_away' });
    expect(person.reader.retryMs).toBeGreaterThanOrEqual(250);
  });

  it('J6 joins ticks for who reads too slowly, says so, and forgets who reads nothing', async () => {
    const edge = await stage.edgeAtHead({ limits: { maxPendingBytes: 10_000, stallTimeoutMs: 1500 } });
    const [slow, dead, live] = [new Person(edge, ''), new Person(edge, ''), new Person(edge, '')];
    for (const person of [slow, dead, live]) await caughtUp(person);
    slow.response!.pause();
    await clog(edge, live);
    await stage.publisher.run(5);
    await caughtUp(live);
    slow.response!.resume();
    await caughtUp(slow);
    expect(slow.reader.receipts.at(-1)).toMatchObject({ kind: 'composite', conflated: true });
    expect(slow.reader.untold).toBe(0);
    expect(slow.reader.held!.cars).toEqual(live.reader.held!.cars);
    dead.response!.pause();
    await clog(edge, live);
    await until('who reads nothing is closed', () => transportsOf(edge).json === 2);
    expect(live.reader.receipts).toHaveLength(1);
    expect(edge.stats().races.oval!.json.conflated).toBeGreaterThan(0);
  });
});
