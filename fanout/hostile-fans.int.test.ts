import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLOSE } from '../protocol/codes.ts';
import { FRAME_FLAG } from '../protocol/frames.ts';
import { handshake } from './testing/handshake.ts';
import { Stage, ticksFrom } from './testing/stage.ts';
import { until } from './testing/until.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.set();
  await stage.publisher.begin();
  await stage.publisher.put(stage.writer.docPatch([{ op: 'add', path: '/blob', value: '' }]));
});
afterEach(() => stage.strike());

/** Patches of the document large enough to fill what the operating system buffers for a socket. */
async function flood(ticks: number): Promise<void> {
  for (let n = 0; n < ticks; n++) {
    await stage.publisher.put(stage.writer.nextTick());
    const value = randomBytes(200_000).toString('base64');
    await stage.publisher.put(stage.writer.docPatch([{ op: 'replace', path: '/blob', value }]));
  }
}

describe('an edge', () => {
  it('H1 conflates for a frozen reader, holds little for it, loses nothing for the others', async () => {
    const edge = await stage.edgeAtHead();
    const frozen = stage.raw(edge, 'watch=0:full,2:driver&history=all');
    const other = await stage.fanIn(edge, 'watch=0:full,2:driver');
    await until('the first tick', () => frozen.reader.state);
    frozen.freeze();
    for (let n = 0; n < 15; n++) frozen.say({ type: 'ping', id: n + 1 });
    await flood(60);
    await stage.caughtUp(other);
    const { tally, pendingBytes } = edge.stats().races.oval!;
    expect(tally.bytes).toBeGreaterThan(16_000_000);
    expect(pendingBytes).toBeGreaterThan(64 * 1024);
    expect(pendingBytes).toBeLessThan(64 * 1024 + 300_000);
    frozen.thaw();
    await stage.publisher.put(stage.writer.docPatch([{ op: 'replace', path: '/blob', value: '' }]));
    await stage.publisher.run(3);
    await stage.caughtUp(frozen, other);
    stage.expectTruth(frozen, other);
    expect(other.reader.ticks.map(({ tick }) => tick)).toEqual(ticksFrom(0, 63));
    const conflated = frozen.reader.ticks.filter(({ span }) => span > 1);
    expect(conflated.length).toBe(1);
    expect(conflated[0]!.flags).toBe(FRAME_FLAG.conflated);
    expect(frozen.reader.ticks.reduce((sum, { span }) => sum + span, 0)).toBe(63);
    const pongs = frozen.reader.said.flatMap((message) => (message.type === 'pong' ? [message.id] : []));
    expect(pongs.filter((id) => id > 0)).toEqual(ticksFrom(1, 15));
  });

  it('H2 closes a reader that takes nothing for too long', async () => {
    const edge = await stage.edgeAtHead({ limits: { stallTimeoutMs: 200 } });
    const frozen = stage.raw(edge, 'watch=0:full');
    await until('the first tick', () => frozen.reader.state);
    frozen.freeze();
    await flood(60);
    await until('it is closed', () => edge.stats().races.oval?.tally.closed.timeout === 1);
    expect(edge.stats().fans).toBe(0);
  });

  it('H3 closes who sends what is no message, with a code, and nobody else notices', async () => {
    const edge = await stage.edgeAtHead({ limits: { helloTimeoutMs: 1000 } });
    const witness = await stage.fanIn(edge);
    const closeCode = async (act: (fan: ReturnType<Stage['raw']>) => void, query = 'watch=0') => {
      const fan = stage.raw(edge, query);
      await until('it is in', () => fan.reader.welcome || query === '' || fan.closeCode);
      act(fan);
      await until('it is closed', () => fan.isEnded);
      return fan.closeCode;
    };
    expect(await closeCode((fan) => fan.write(2, Buffer.from('binary')))).toBe(CLOSE.bad_message);
    expect(await closeCode((fan) => fan.write(1, Buffer.alloc(17_000, 32)))).toBe(CLOSE.too_large);
    const chatter = (fan: ReturnType<Stage['raw']>) => {
      for (const id of ticksFrom(1, 25)) fan.say({ type: 'ping', id });
    };
    expect(await closeCode(chatter)).toBe(CLOSE.too_many);
    const pinger = (fan: ReturnType<Stage['raw']>) => {
      for (let n = 0; n < 25; n++) fan.write(9, Buffer.alloc(125));
    };
    expect(await closeCode(pinger)).toBe(CLOSE.too_many);
    expect(await closeCode(() => {}, 'watch=0:nothing')).toBe(CLOSE.bad_message);
    expect(await closeCode(() => {}, 'watch=0&version=9')).toBe(CLOSE.bad_version);
    expect(await closeCode(() => {}, '')).toBe(CLOSE.timeout);
    await closeCode((fan) => fan.socket.write(randomBytes(500)));
    await closeCode((fan) => fan.write(1, Buffer.from([0xff, 0xfe])));
    await closeCode((fan) => fan.write(11, Buffer.from('what')));
    await closeCode((fan) => fan.socket.destroy());
    await stage.publisher.run(5);
    await stage.caughtUp(witness);
    stage.expectTruth(witness);
    expect(witness.reader.ticks.map(({ tick }) => tick)).toEqual(ticksFrom(0, 5));
    expect(edge.stats().fans).toBe(1);
  });

  it('H4 answers nonsense with an error and lets the fan go on', async () => {
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge);
    const deep = '['.repeat(8000);
    for (const text of ['{', 'null', deep, '{"type":"watch","watch":[{"car":{}}]}', '{"type":"ping","id":-1}'])
      fan.say(text);
    fan.say({ type: 'watch', watch: JSON.parse(`${'['.repeat(3000)}${']'.repeat(3000)}`) });
    for (const channels of [{}, [null], ['c0', 'c0'], Array(1000).fill('c1'), ['__proto__']])
      fan.say({ type: 'watch', watch: [{ car: '0', view: 'own' }], channels });
    for (const rate of [0, 1e9, '2', null]) fan.say({ type: 'rate', rate });
    await until('all errors', () => fan.reader.said.filter(({ type }) => type === 'error').length === 15);
    fan.say({ type: 'ping', id: 3 });
    await until('the pong', () => fan.reader.said.some((message) => message.type === 'pong' && message.id === 3));
    await stage.publisher.run(2);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
  });

  it('H5 refuses handshakes when it is full, and says when to come back', async () => {
    const edge = await stage.edgeAtHead({ limits: { maxFans: 1 } });
    await stage.fanIn(edge);
    expect(await handshake(edge.port)).toMatch(
      /^HTTP\/1.1 503 Service Unavailable\r\n[\s\S]*Retry-After: [12]\r\n[\s\S]*"error":"full"/i,
    );
    expect(edge.stats().refused).toEqual({ going_away: 0, full: 1, rate: 0, origin: 0 });
  });

  it('H6 lets only pages of the origins that it was told connect and read', async () => {
    const edge = await stage.edgeAtHead({ origins: ['https://own.example'] });
    expect(await handshake(edge.port, 'Origin: https://foreign.example\r\n')).toMatch(/^HTTP\/1.1 403/);
    expect(await handshake(edge.port, 'Origin: https://own.example\r\n')).toMatch(/^HTTP\/1.1 101/);
    expect(await handshake(edge.port)).toMatch(/^HTTP\/1.1 101/);
    const allowed = async (Origin: string) =>
      (await fetch(`${edge.url}/races`, { headers: { Origin } })).headers.get('access-control-allow-origin');
    expect(await allowed('https://own.example')).toBe('https://own.example');
    expect(await allowed('https://foreign.example')).toBeNull();
  });

  it('H7 closes a fan that pings without end and reads no answer', async () => {
    const edge = await stage.edgeAtHead();
    const frozen = stage.raw(edge, 'watch=0');
    await until('it is in', () => frozen.reader.welcome);
    frozen.freeze();
    for (let n = 0; n < 20_000; n++) frozen.write(9, Buffer.alloc(125));
    await until('it is closed', () => edge.stats().fans === 0);
    expect(edge.stats().races.oval!.tally.closed.too_many).toBe(1);
  });
});
