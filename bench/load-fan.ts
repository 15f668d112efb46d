import { FRAME, FRAME_FLAG, readFrameHead } from '../protocol/frames.ts';
import { LightSocket } from './light-socket.ts';

/**
 * A fan that is only there to be served: it checks the numbers of its ticks, but reads when it is told to, so that
 * it does not take the processor from those that measure.
 */
export class LoadFan {
  readonly #socket: LightSocket;
  #lastTick = -1;
  ticks = 0;
  gaps = 0;
  readonly isLive: Promise<void>;

  constructor(url: string) {
    const live = Promise.withResolvers<void>();
    this.isLive = live.promise;
    this.#socket = new LightSocket(url);
    this.#socket.onmessage = ({ data }) => {
      if (typeof data === 'string') return;
      this.#take(new Uint8Array(data as ArrayBuffer));
      live.resolve();
    };
    this.#socket.onclose = ({ code }) => live.reject(new Error(`a load fan was closed with ${code}`));
  }

  #take(bytes: Uint8Array): void {
    const head = readFrameHead(bytes);
    if (head.type !== FRAME.tick) return;
    const isSnapshot = (head.flags & FRAME_FLAG.snapshot) !== 0;
    if (this.#lastTick >= 0 && (isSnapshot || head.tick !== this.#lastTick + 1)) this.gaps++;
    if (!isSnapshot) this.ticks++;
    this.#lastTick = head.tick;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}
