import { FRAME } from '../../protocol/frames.ts';
import { LightSocket } from '../light-socket.ts';
import { type CrowdPlan, fanPath } from './plan.ts';

/**
 * What an edge sends to the first fans of a crowd, tick by tick: bytes for servers that are compared with it.
 * @returns By fan, then by tick, frames as base64; every tick without its document.
 */
export async function recordFrames(plan: CrowdPlan, fans: number, ticks: number): Promise<string[][]> {
  return Promise.all(
    Array.from({ length: fans }, (_, fan) => {
      const frames: string[] = [];
      return new Promise<string[]>((resolve, reject) => {
        const socket = new LightSocket(plan.url.replace('http', 'ws') + fanPath(plan, fan, undefined));
        socket.onclose = ({ code }) => reject(new Error(`the recording fan was closed with ${code}`));
        let isFirst = true;
        socket.onmessage = ({ data }) => {
          if (typeof data === 'string' || new Uint8Array(data as ArrayBuffer)[0] !== FRAME.tick) return;
          // The first one is a snapshot.
          if (!isFirst) frames.push(Buffer.from(data as ArrayBuffer).toString('base64'));
          isFirst = false;
          if (frames.length < ticks) return;
          socket.onclose = null;
          socket.destroy();
          resolve(frames);
        };
      });
    }),
  );
}
