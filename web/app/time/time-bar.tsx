import { createEffect, createMemo, For, Show } from 'solid-js';
import { type Line, lapAt, lineOf, marksOf } from './marks.ts';
import type { TimeActs, TimeView } from './time-view.ts';
import { sayDelay, saySpan, sayWhere } from './time-words.ts';

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16, 60];
const BACK_MS = 10_000;
const DELAY_STEP_MS = 500;
const MAX_DELAY_MS = 600_000;
const NO_LINE: Line = { fromMs: 0, toMs: 1 };
/** One bar for live and past: where one is, what there was, and how to go there. */
export function TimeBar(props: { view: TimeView; acts: TimeActs }) {
  const behindMs = () => {
    const { timeMs, newestMs } = props.view;
    return timeMs === undefined || newestMs === undefined ? undefined : Math.max(0, newestMs - timeMs);
  };
  const line = createMemo(() => props.view.timeline && lineOf(props.view.timeline, props.view.newestMs));
  // A picture comes several times a second: what somebody is about to change is written only when it has changed.
  const delayS = createMemo(() => props.view.delayMs / 1000);
  const speedNow = createMemo(() => props.view.speed);
  const isBehind = () => props.view.mode === 'past' && behindMs() !== undefined && behindMs()! <= MAX_DELAY_MS;
  return (
    <>
      <h2 id="time-name" class="unseen">
        Time
      </h2>
      <div class="transport">
        <button
          type="button"
          id="time-pause"
          onClick={() => (props.view.isPaused ? props.acts.play() : props.acts.pause())}
        >
          {props.view.isPaused ? 'Play' : 'Pause'}
        </button>
        <button
          type="button"
          id="time-back"
          disabled={!line() || props.view.timeMs === undefined}
          onClick={() => props.acts.seek({ timeMs: props.view.timeMs! - BACK_MS })}
        >
          −10 s
        </button>
        <button
          type="button"
          id="time-live"
          aria-pressed={props.view.mode !== 'past' && !props.view.isPaused}
          onClick={() => props.acts.goLive()}
        >
          Live
        </button>
        <label>
          Speed{' '}
          <select
            id="time-speed"
            onChange={(event) => {
              props.acts.setSpeed(Number(event.currentTarget.value));
              // Nothing is ahead of what is live: then it stays as it was.
              event.currentTarget.value = String(props.view.speed);
            }}
          >
            <For each={SPEEDS}>
              {(speed) => (
                <option value={String(speed)} selected={speed === speedNow()}>
                  {speed}×
                </option>
              )}
            </For>
          </select>
        </label>
        <details id="time-more">
          <summary>More</summary>
          <div class="transport">
            <button
              type="button"
              disabled={!line()}
              onClick={() => props.acts.seek({ event: 'flag', direction: 'previous' })}
            >
              Previous flag
            </button>
            <button
              type="button"
              disabled={!line()}
              onClick={() => props.acts.seek({ event: 'flag', direction: 'next' })}
            >
              Next flag
            </button>
            <button
              type="button"
              id="time-link"
              disabled={props.view.timeMs === undefined}
              onClick={() => props.acts.link()}
            >
              Link to this moment
            </button>
            <label>
              TV delay{' '}
              <input
                type="number"
                id="time-delay"
                min="0"
                max={MAX_DELAY_MS / 1000}
                step={DELAY_STEP_MS / 1000}
                value={delayS()}
                onChange={(event) => props.acts.setDelay(delayOf(event.currentTarget.value))}
              />{' '}
              s
            </label>
            <Show when={isBehind()}>
              <button type="button" id="time-sync" onClick={() => props.acts.setDelay(roundDelay(behindMs()!))}>
                My TV shows this: stay {sayDelay(roundDelay(behindMs()!))} behind
              </button>
            </Show>
          </div>
        </details>
      </div>
      <Track
        view={props.view}
        acts={props.acts}
        line={line()}
        where={sayWhere({ ...props.view, behindMs: behindMs() })}
      />
    </>
  );
}

/**
 * The race as a line, with what happened when; a native slider, so that keys and screen readers know it. It has its place before it
 * can be used: nothing moves when it can.
 */
function Track(props: { view: TimeView; acts: TimeActs; line: Line | undefined; where: string }) {
  const line = () => props.line ?? NO_LINE;
  const marks = createMemo(() => (props.line ? marksOf(props.view.timeline!, props.line, props.view.car) : []));
  const atMs = () => Math.min(line().toMs, Math.max(line().fromMs, props.view.timeMs ?? line().toMs));
  const words = () => {
    if (!props.line) return 'Nothing to rewind yet';
    const lap = props.view.timeline && lapAt(props.view.timeline, atMs());
    return `${lap === undefined ? '' : `Lap ${lap}, `}${saySpan(atMs() - line().fromMs)}`;
  };
  let slider!: HTMLInputElement;
  /** Somebody draws at it. */
  let isHeld = false;
  // In this order: a slider cuts a value that lies outside of its ends.
  createEffect(() => {
    slider.min = String(line().fromMs);
    slider.max = String(line().toMs);
    slider.step = String(props.view.timeline?.tickMs ?? 1);
    const at = atMs();
    if (!isHeld) slider.value = String(at);
  });
  return (
    <div class="track">
      <svg class="marks" aria-hidden="true" width="100%" height="14">
        <For each={marks()}>
          {(mark) => (
            <rect
              class={mark.kind}
              x={`${100 * mark.from}%`}
              width={mark.from === mark.to ? '2' : `${100 * (mark.to - mark.from)}%`}
              y={mark.kind === 'pit' ? '7' : '0'}
              height={mark.kind === 'lap' ? '5' : mark.kind === 'pit' ? '7' : '14'}
            >
              <title>{mark.title}</title>
            </rect>
          )}
        </For>
      </svg>
      <input
        type="range"
        id="time-track"
        aria-label="Moment of the race"
        aria-valuetext={words()}
        ref={slider}
        onInput={() => {
          isHeld = true;
        }}
        onPointerUp={() => {
          isHeld = false;
        }}
        onBlur={() => {
          isHeld = false;
        }}
        disabled={!props.line}
        onChange={(event) => {
          isHeld = false;
          props.acts.seek({ timeMs: Number(event.currentTarget.value) });
        }}
      />
      <p class="quiet ends">
        <span>{words()}</span>
        <span class="where" id="time-where">
          {props.where}
        </span>
        <span>{props.line && saySpan(line().toMs - line().fromMs)}</span>
      </p>
    </div>
  );
}

const roundDelay = (ms: number): number => Math.min(MAX_DELAY_MS, Math.round(ms / DELAY_STEP_MS) * DELAY_STEP_MS);

/** What was typed, as a delay; nothing and nonsense are none. */
function delayOf(text: string): number {
  const seconds = Number(text);
  return Number.isFinite(seconds) ? Math.min(MAX_DELAY_MS, Math.max(0, Math.round(seconds * 1000))) : 0;
}
