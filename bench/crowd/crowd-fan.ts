import type { Receipt } from '../../protocol/control.ts';
import { FRAME, FRAME_FLAG, FRAME_HEAD_BYTES } from '../../protocol/frames.ts';
import type { Position } from '../../protocol/position.ts';
import { WebSocketReader } from './web-socket-reader.ts';

/** What a fan of the crowd tells its process; one object for all of them. */
export interface CrowdEvents {
  tick(fan: CrowdFan, tick: number, span: number, flags: number, closeAtMs: number): void;
  /** The handshake is done. */
  opened(fan: CrowdFan): void;
  welcome(fan: CrowdFan, epoch: string): void;
  /** Says how what comes next repairs the fan. */
  receipt(fan: CrowdFan, receipt: Receipt): void;
  /** The edge leaves: come back elsewhere after so many ms. */
  bye(fan: CrowdFan, reconnectInMs: number): void;
  bytes(count: number): void;
  /** The connection is over, or the handshake was refused. */
  end(fan: CrowdFan, isRefused: boolean): void;
}

/** How a fan and a server speak over WebSocket frames; tick frames in it go to {@link CrowdFan.take}. */
export interface Dialect {
  /** The handshake is done. */
  opened(fan: CrowdFan): void;
  /** `length` bytes from `at`, which are overwritten once this returns. */
  message(fan: CrowdFan, bytes: Buffer, opcode: number, at: number, length: number): void;
}

/** A fan that only checks the heads of tick frames. */
export class CrowdFan extends WebSocketReader {
  readonly id: number;
  readonly events: CrowdEvents;
  readonly #dialect: Dialect;
  /** −1 until the first tick has come. */
  tick = -1;
  seq = 0;
  /** Of its tick; empty before the first one. And that of what the present connection brings. */
  epoch = '';
  nextEpoch = '';
  /** As the last welcome said. */
  windowMs = 1000;
  /** What the fan waits for since {@link awaitsSinceMs}. To be whole again after a cut or a freeze, or with a position from before. */
  awaits: 'recovery' | 'thaw' | 'resume' | undefined;
  awaitsSinceMs = 0;
  /** `told`: the edge has said when to go. `going`: that moment is here, and the connection is being ended. */
  leaves: 'told' | 'going' | undefined;
  /** When its newest tick came, and its longest time without one in the measured span. */
  heardAtMs = 0;
  worstGapMs = 0;
  /** Tick frames of the measured span. */
  frames = 0;
  /** This connection has had its first receipt. */
  isRepaired = false;
  /** Bytes that receipts announced, less those of the frames of repairs that came. */
  owedBytes = 0;
  /** Its ticks are counted: nothing was done to it on purpose. */
  isUndisturbed = true;

  constructor(id: number, events: CrowdEvents, dialect: Dialect) {
    super();
    this.id = id;
    this.events = events;
    this.#dialect = dialect;
  }

  /** Time of its newest byte, or of its newest try to connect. */
  soundAtMs = 0;
  isOpen = false;
  isFrozen = false;

  /** Ends the connection without a goodbye, as a dead network would. */
  cut(nowMs: number): void {
    this.#await('recovery', nowMs);
    this.destroy();
  }

  /** Reads nothing any more. */
  freeze(): void {
    this.isFrozen = true;
    this.isUndisturbed = false;
    this.pause();
  }

  thaw(nowMs: number): void {
    this.isFrozen = false;
    this.soundAtMs = performance.now();
    this.#await('thaw', nowMs);
    this.resume();
  }

  /** It has a position from before, and now comes with it. */
  resumeFrom({ epoch, tick, seq }: Position & { readonly tick: number }, nowMs: number): void {
    this.epoch = epoch;
    this.tick = tick;
    this.seq = seq;
    this.#await('resume', nowMs);
  }

  #await(what: 'recovery' | 'thaw' | 'resume', nowMs: number): void {
    this.awaits = what;
    this.awaitsSinceMs = nowMs;
    this.isUndisturbed = false;
  }

  /** A frame of the edge, `length` bytes from `at`; any but a tick frame is left alone. */
  take(bytes: Buffer, at: number, length: number): void {
    if (bytes[at] !== FRAME.tick) return;
    const flags = bytes[at + 1]!;
    const tick = bytes.readUInt32LE(at + 2);
    if ((flags & FRAME_FLAG.repair) !== 0) this.owedBytes -= length;
    const span = readVarint(bytes, at + FRAME_HEAD_BYTES);
    this.events.tick(this, tick, span, flags, bytes.readUIntLE(at + 6, 6));
    // What comes again takes nobody back.
    if (tick < this.tick && !isSnapshot(flags)) return;
    this.tick = tick;
    this.seq = bytes.readUIntLE(at + 12, 6);
  }

  override connect(host: string, port: number, from: string, path: string): void {
    this.isOpen = false;
    this.soundAtMs = performance.now();
    super.connect(host, port, from, path);
  }

  protected override opened(): void {
    this.isOpen = true;
    this.#dialect.opened(this);
    this.events.opened(this);
  }

  protected override message(bytes: Buffer, opcode: number, at: number, length: number): void {
    this.#dialect.message(this, bytes, opcode, at, length);
  }

  protected override received(byteCount: number): void {
    this.soundAtMs = performance.now();
    this.events.bytes(byteCount);
  }

  protected override ended(isRefused: boolean): void {
    this.events.end(this, isRefused);
  }
}

function readVarint(bytes: Buffer, at: number): number {
  let value = 0;
  let shift = 0;
  for (let index = at; index < bytes.length; index++) {
    const byte = bytes[index]!;
    value |= (byte & 127) << shift;
    if (byte < 128) break;
    shift += 7;
  }
  return value;
}

export const isSnapshot = (flags: number): boolean => (flags & FRAME_FLAG.snapshot) !== 0;
