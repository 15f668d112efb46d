import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Answers } from './answers.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function begun() {
  const late = vi.fn();
  return { answers: new Answers(100, late), late };
}

describe('answers of an edge', () => {
  it('are missed once when one does not come in time', () => {
    const { answers, late } = begun();
    answers.asked();
    vi.advanceTimersByTime(99);
    answers.asked();
    expect(late).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(late).toHaveBeenCalledOnce();
  });

  it('are each waited for, and then nothing is', () => {
    const { answers, late } = begun();
    answers.asked();
    answers.asked();
    vi.advanceTimersByTime(90);
    answers.came();
    vi.advanceTimersByTime(90);
    answers.came();
    answers.came();
    vi.advanceTimersByTime(1000);
    expect(late).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('are not waited for when the connection is gone', () => {
    const { answers, late } = begun();
    answers.asked();
    answers.stop();
    vi.advanceTimersByTime(1000);
    expect(late).not.toHaveBeenCalled();
    answers.asked();
    vi.advanceTimersByTime(100);
    expect(late).toHaveBeenCalledOnce();
  });
});
