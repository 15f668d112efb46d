const TICK_MS = 500;

/**
 * Runs in the process of a server that is compared with the edge: takes recorded frames of an edge, by choice and by tick, and
 * gives every half second those of one tick, head written anew. A late tick is sent late, none is left out.
 * @param send Gets one frame for each choice, its to keep.
 */
export function serveFrames(port: number, send: (frames: readonly Buffer[]) => void): void {
  let recorded: Buffer[][] = [];
  let tick = 0;
  let closeAtMs = (Math.floor(Date.now() / TICK_MS) + 1) * TICK_MS;
  const sendTick = () => {
    const frames = recorded.map((ticks) => {
      const frame = Buffer.from(ticks[tick % ticks.length]!);
      frame.writeUInt32LE(tick, 2);
      frame.writeUIntLE(closeAtMs, 6, 6);
      return frame;
    });
    if (frames.length > 0) send(frames);
    tick++;
    closeAtMs += TICK_MS;
    setTimeout(sendTick, closeAtMs - Date.now());
  };
  setTimeout(sendTick, closeAtMs - Date.now());
  process.on('message', (message: string[][] | 'tick') => {
    if (message !== 'tick') recorded = message.map((ticks) => ticks.map((frame) => Buffer.from(frame, 'base64')));
    process.send!({ port, tick });
  });
  process.on('disconnect', () => process.exit(0));
  process.send!('ready');
}
