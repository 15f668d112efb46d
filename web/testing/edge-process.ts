import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** An edge in a process of its own, so that a test can kill or freeze it. */
export interface EdgeProcess {
  readonly url: string;
  /** As `kill -SIGNAL`. */
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

/** Starts an edge that follows the races of a NATS and resolves when it is ready. */
export async function startEdgeProcess(natsUrl: string): Promise<EdgeProcess> {
  const edgeModule = fileURLToPath(new URL('../../fanout/edge.ts', import.meta.url));
  const script = `
    const { startEdge } = await import(${JSON.stringify(edgeModule)});
    const edge = await startEdge({ servers: [${JSON.stringify(natsUrl)}], races: ['demo'] });
    while (!(await fetch(edge.url + '/readyz')).ok) await new Promise((resolve) => setTimeout(resolve, 20));
    console.log(edge.url);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const url = await Promise.race([firstLine(child), exited.then(() => undefined)]);
  if (url === undefined) throw new Error('The edge process ended before it was ready.');
  return {
    url,
    signal: (name) => child.kill(name),
    async stop() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await exited;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const chunk of child.stdout!) return String(chunk).trim();
  return '';
}
