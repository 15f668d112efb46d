import { inflateRawSync } from 'node:zlib';
import { isCarId } from '../../protocol/field.ts';
import { eachOf, type FieldTally, isObject, numberIn, readFields, timeOf } from '../feed-fields.ts';
import type { OfflineSink } from '../offline-race.ts';
import type { ChannelValues, TimedCars } from '../timed-cars.ts';

/** Car data of 20 cars over some seconds has a few kB. */
const MAX_INFLATED_BYTES = 4 * 1024 * 1024;
/** An instant may lie so far behind the coming of its message, ms. */
const MAX_AHEAD_MS = 10_000;
/** Entries that wait for their time. */
const MAX_WAITING = 20_000;

/**
 * What a topic ending in `.z` says: base64 of raw deflate of JSON.
 * @returns `undefined`, and it is told, when it is something else or grows beyond 4 MiB.
 */
export function inflateTopic(tally: FieldTally, topic: string, payload: unknown): unknown {
  if (typeof payload !== 'string') {
    tally.malformed(`The topic ${topic} is no text.`);
    return undefined;
  }
  try {
    const json = inflateRawSync(Buffer.from(payload, 'base64'), { maxOutputLength: MAX_INFLATED_BYTES });
    return JSON.parse(json.toString('utf8').replace(/^\ufeff/, ''));
  } catch (error) {
    tally.malformed(`The topic ${topic} cannot be unpacked (${(error as Error).message.slice(0, 80)}).`);
    return undefined;
  }
}

/** A number that is out of its range is a statement: the car has no value. */
const sample = (value: unknown, low: number, high: number): number => numberIn(value, low, high) ?? Number.NaN;

/** Channels of `CarData` by their numbers. 104 as throttle or brake says that there is none. */
const CAR_CHANNELS: Readonly<Record<string, (value: unknown) => ChannelValues>> = {
  0: (value) => ({ rpm: sample(value, 0, 20_000) }),
  2: (value) => ({ speed: sample(value, 0, 450) }),
  3: (value) => ({ gear: sample(value, -1, 10) }),
  4: (value) => ({ throttle: sample(value, 0, 100) }),
  5: (value) => ({ brake: Math.sign(sample(value, 0, 100)) }),
  45: (value) => ({ drs: sample(value, 0, 20) }),
};

/** Positions come in tenths of a metre. */
const metres = (value: unknown): number => sample(value, -1e6, 1e6) / 10;

/** When a message came, and what is added to the times in it. */
interface Came {
  readonly atMs: number;
  readonly shiftMs: number;
}

interface Waiting {
  readonly atMs: number;
  readonly car: string;
  readonly values: ChannelValues;
}

/**
 * Car data and positions. They come late and several instants in a message: they are played with the times between them,
 * from when the message came.
 */
export class Telemetry {
  /** In order of time, one list for each topic. */
  readonly #waiting = { car: [] as Waiting[], position: [] as Waiting[] };

  /** When the first instant of a `CarData` or `Position` was; `undefined` when none has a time. */
  static firstMs(payload: unknown): number | undefined {
    const entries = isObject(payload) ? [...eachOf(payload.Entries), ...eachOf(payload.Position)] : [];
    const times = entries.map((entry) => (isObject(entry) ? timeOf(entry.Utc ?? entry.Timestamp) : undefined));
    return times.find((time) => time !== undefined);
  }

  takeCarData(payload: unknown, cameAtMs: number, sink: OfflineSink): void {
    const came = { atMs: cameAtMs, shiftMs: shiftOf(payload, cameAtMs) };
    readFields(sink, 'CarData', payload, {
      Entries: (entries) => {
        for (const entry of eachOf(entries)) this.#takeCars(entry, came, sink);
      },
    });
  }

  #takeCars(entry: unknown, came: Came, sink: OfflineSink): void {
    let atMs: number | undefined;
    let cars: unknown;
    readFields(sink, 'CarData.Entries[]', entry, {
      Utc: (value) => (atMs = timeOf(value)),
      Cars: (value) => (cars = value),
    });
    for (const [car, said] of Object.entries(isObject(cars) ? cars : {})) {
      let values: ChannelValues = {};
      const readers = Object.entries(CAR_CHANNELS).map(([number, read]) => [
        number,
        (value: unknown) => (values = { ...values, ...read(value) }),
      ]);
      readFields(sink, 'CarData.Entries[].Cars[]', said, {
        Channels: (channels) => readFields(sink, 'CarData.Channels', channels, Object.fromEntries(readers)),
      });
      this.#wait('car', car, atMs, came, values, sink);
    }
  }

  takePosition(payload: unknown, cameAtMs: number, sink: OfflineSink): void {
    const came = { atMs: cameAtMs, shiftMs: shiftOf(payload, cameAtMs) };
    readFields(sink, 'Position', payload, {
      Position: (entries) => {
        for (const entry of eachOf(entries)) this.#takePlaces(entry, came, sink);
      },
    });
  }

  #takePlaces(entry: unknown, came: Came, sink: OfflineSink): void {
    let atMs: number | undefined;
    let places: unknown;
    readFields(sink, 'Position.Position[]', entry, {
      Timestamp: (value) => (atMs = timeOf(value)),
      Entries: (value) => (places = value),
    });
    for (const [car, said] of Object.entries(isObject(places) ? places : {})) {
      let values: ChannelValues = {};
      readFields(sink, 'Position.Entries[]', said, {
        X: (value) => (values = { ...values, x: metres(value) }),
        Y: (value) => (values = { ...values, y: metres(value) }),
        Z: (value) => (values = { ...values, z: metres(value) }),
      });
      this.#wait('position', car, atMs, came, values, sink);
    }
  }

  #wait(
    topic: 'car' | 'position',
    car: string,
    saidMs: number | undefined,
    came: Came,
    values: ChannelValues,
    sink: OfflineSink,
  ): void {
    if (!isCarId(car) || saidMs === undefined) {
      sink.malformed(`An entry of ${topic} data has no car or no time.`);
      return;
    }
    const waiting = this.#waiting[topic];
    const atMs = saidMs + came.shiftMs;
    const latestMs = waiting.at(-1)?.atMs ?? atMs;
    if (waiting.length >= MAX_WAITING || atMs > came.atMs + MAX_AHEAD_MS) {
      sink.count('out_of_order');
      return;
    }
    waiting.push({ atMs: Math.max(atMs, latestMs), car, values });
  }

  /** Sends what was up to a race time. @returns whether more waits. */
  send(cars: TimedCars, sink: OfflineSink, toMs: number): boolean {
    for (const waiting of Object.values(this.#waiting)) {
      const due = waiting.findIndex(({ atMs }) => atMs > toMs);
      for (const { car, atMs, values } of waiting.splice(0, due < 0 ? waiting.length : due))
        cars.sendOne(sink, car, atMs, values);
    }
    return this.#waiting.car.length > 0 || this.#waiting.position.length > 0;
  }
}

/** What brings the first instant of a message to when it came, where it came later than that or its clock is another one. */
function shiftOf(payload: unknown, cameAtMs: number): number {
  const behindMs = cameAtMs - (Telemetry.firstMs(payload) ?? cameAtMs);
  return behindMs > 0 || behindMs < -MAX_AHEAD_MS ? behindMs : 0;
}
