import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Sandbox, until } from '../../cli/testing/program.ts';
import { findProxy } from '../../testing/proxy-binary.ts';

const PROGRAM = join(import.meta.dirname, '..', 'main.ts');
const END_WITHIN_MS = 100_000;

let box: Sandbox;
beforeEach(() => {
  box = new Sandbox();
});
afterEach(() => box.remove());

const start = (...flags: string[]) => box.start(['chaos', '--json', ...flags], { program: PROGRAM });

describe.skipIf(!findProxy('haproxy'))('npm run chaos', () => {
  it('kills a leader and an edge, finds nothing lost, doubled or wrong, and leaves nothing behind', async () => {
    const run = start('--once', '--fans', '40', '--steady', '1', '--faults', 'ingest-kill,edge-kill');
    const { code } = await run.end(END_WITHIN_MS);
    const results = JSON.parse(run.stdout());
    expect(results, run.stderr()).toMatchObject({ lost: 0, doubled: 0, wrong: 0, left_out: [], fans: 40 });
    expect(code).toBe(0);
    const faults = results.faults.map(({ fault }: { fault: string }) => fault);
    expect(faults).toEqual(['ingest-kill', 'edge-kill', 'end']);
    for (const { recover_s } of results.faults) expect(recover_s).toBeTypeOf('number');
    expect(results.ticks).toBeGreaterThan(10);
    expect(results.transports.sse).toBeGreaterThan(0);
    expect(results.states_compared).toBeGreaterThan(10);
    await box.untilNothingIsLeft();
  }, 120_000);

  it('leaves nothing behind when it is broken off', async () => {
    const run = start('--fans', '10');
    await until('The first fans', () => /connecting|Error/.test(run.stderr()), END_WITHIN_MS);
    expect(run.stderr()).toContain('connecting');
    expect(box.processes().length).toBeGreaterThan(5);
    run.child.kill('SIGINT');
    expect(await run.end()).toEqual({ code: 1, signal: null });
    await box.untilNothingIsLeft();
  }, 120_000);
});
