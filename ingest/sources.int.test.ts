import { createSocket } from 'node:dgram';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { VirtualClock } from './clock.ts';
import { createF1TestSource } from './f1-test-source.ts';
import { createHttpSource } from './http-source.ts';
import { createIbtSource } from './ibt-source.ts';
import { createNatsSource } from './nats-source.ts';
import { areRecordingsMissing, recordings } from './recordings.ts';
import { createSimulatorSource } from './simulator-source.ts';
import { describeSource } from './source-contract.ts';
import { readTestCatalogue } from './test-catalogues.ts';
import { createUdpSource } from './udp-source.ts';

const stockCar = readTestCatalogue('stock-car');
const formula1 = readTestCatalogue('formula-1');

describe('with a real nats-server', () => {
  let server: TestNatsServer;
  beforeAll(async () => {
    server = await startNatsServer();
  });
  afterAll(() => server.stop());

  describeSource('nats', async () => {
    const connection = await connect({ servers: server.url });
    const gateway = await connect({ servers: server.url });
    return {
      source: createNatsSource(connection, 'daytona', stockCar),
      catalogue: stockCar,
      broken: { source: createNatsSource(connection, 'day tona', stockCar), code: 'bad_race' },
      async send(bytes) {
        // Of the car in the frame; garbage goes to a car all the same.
        const text = new TextDecoder('latin1').decode(bytes.subarray(8, 10)).replace(/[^0-9]/g, '');
        gateway.publish(`raw.daytona.${bytes[0] === 0xf5 ? text || '7' : '7'}`, bytes);
        await gateway.flush();
      },
      async close() {
        await Promise.all([connection.close(), gateway.close()]);
      },
    };
  });
});

describeSource('udp', async () => {
  const source = createUdpSource(stockCar, { port: 0 });
  const gateway = createSocket('udp4');
  return {
    source,
    catalogue: stockCar,
    broken: { source: createUdpSource(stockCar, { port: 7001, host: '192.0.2.1' }), code: 'cannot_listen' },
    send: (bytes) =>
      new Promise((resolve, reject) => {
        gateway.send(bytes, source.port, '127.0.0.1', (error) => (error ? reject(error) : resolve(undefined)));
      }),
    close: () => new Promise((resolve) => gateway.close(resolve)),
  };
});

describeSource('http', async () => {
  const source = createHttpSource('daytona', stockCar, { port: 0 });
  return {
    source,
    catalogue: stockCar,
    broken: { source: createHttpSource('daytona', stockCar, { port: 0, host: '0.0.0.0' }), code: 'token_required' },
    send: (body) =>
      fetch(`http://127.0.0.1:${source.port}/raw/daytona`, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: Buffer.from(body),
      }),
  };
});

describeSource('simulator', async () => {
  const clock = new VirtualClock(1_700_000_000_000);
  return {
    source: createSimulatorSource({ catalogue: stockCar, clock, seed: 3 }),
    catalogue: stockCar,
    play: () => clock.advanceTo(clock.nowMs() + 500),
  };
});

describe.skipIf(areRecordingsMissing())('with recordings', () => {
  describeSource('ibt', async () => {
    const clock = new VirtualClock(1_700_000_000_000);
    return {
      source: createIbtSource(stockCar, clock, { files: recordings.ibt }),
      catalogue: stockCar,
      broken: { source: createIbtSource(stockCar, clock, { files: ['/none.ibt'] }), code: 'no_recording' },
      play: () => clock.advanceTo(clock.nowMs() + 500),
    };
  });

  describeSource('f1-test', async () => {
    const clock = new VirtualClock(1_700_000_000_000);
    return {
      source: createF1TestSource(formula1, clock, { folder: recordings.f1Test, cars: 3 }),
      catalogue: formula1,
      broken: { source: createF1TestSource(formula1, clock, { folder: '/none' }), code: 'no_recording' },
      play: () => clock.advanceTo(clock.nowMs() + 500),
    };
  });
});
