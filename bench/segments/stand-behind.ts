import { spawnSync } from 'node:child_process';

const setPolicy = (policy: '--idle' | '--other'): boolean =>
  spawnSync('chrt', [policy, '--all-tasks', '--pid', '0', String(process.pid)]).status === 0;

/**
 * What `start` starts has the processor only when nobody else wants it. In life it would be on machines of its own; here two cores
 * are shared with it, and sharing them would be measured instead of the edge.
 */
export async function standingBehind<T>(start: () => Promise<T>): Promise<T> {
  if (!setPolicy('--idle')) {
    process.stderr.write(
      'there is no chrt here that works: who asks shares the processor with the edge like all others\n',
    );
    return start();
  }
  try {
    return await start();
  } finally {
    if (!setPolicy('--other')) process.stderr.write('the bench itself stays behind, which its numbers do not notice\n');
  }
}
