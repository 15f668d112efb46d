import { expect, it } from 'vitest';
import { Emitter } from './emitter.ts';

it('calls every listener although one throws, and tells what was thrown', () => {
  const thrown: unknown[] = [];
  const emitter = new Emitter<{ tick: number; error: Error }>((error) => thrown.push(error));
  const seen: number[] = [];
  const failure = new Error('a listener failed');
  emitter.on('tick', () => {
    throw failure;
  });
  emitter.on('tick', (tick) => seen.push(tick));
  emitter.emit('tick', 7);
  expect(seen).toEqual([7]);
  expect(thrown).toEqual([failure]);
});

it('takes off only the listener that was taken off, also while it is calling', () => {
  const emitter = new Emitter<{ tick: number; error: Error }>();
  const seen: string[] = [];
  const listener = (tick: number) => seen.push(`same ${tick}`);
  emitter.on('tick', listener);
  const off = emitter.on('tick', listener);
  const offOther = emitter.on('tick', () => offOther());
  off();
  off();
  emitter.emit('tick', 1);
  emitter.emit('tick', 2);
  expect(seen).toEqual(['same 1', 'same 2']);
});

it('tells error listeners of the first throw alone, also when they throw themselves', () => {
  const thrown: unknown[] = [];
  const emitter = new Emitter<{ tick: number; error: Error }>((error) => thrown.push(error));
  const told: Error[] = [];
  emitter.on('tick', () => {
    throw 'not an error';
  });
  emitter.on('error', (error) => {
    told.push(error);
    throw error;
  });
  emitter.emit('tick', 1);
  emitter.emit('tick', 2);
  expect(told).toEqual([new Error('not an error')]);
  expect(thrown).toEqual(['not an error', told[0], 'not an error']);
});
