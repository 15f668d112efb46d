import { createMemo, type JSX, Show } from 'solid-js';
import type { Page } from '../page/page.ts';
import { type Reading, read } from '../parts/reading.ts';

/** A figure with its name. The unit stands beside the name: behind the figure it would move with every digit. */
export function Figure(props: {
  name: string;
  label: string;
  unit?: string;
  trouble?: string | undefined;
  severity?: string;
  children: JSX.Element;
}) {
  return (
    <div>
      <dt>
        {props.label} <span class="unit">{props.unit}</span>
      </dt>
      <dd>
        <span class="figure" data-figure={props.name} data-severity={props.severity}>
          {props.children}
        </span>
        <Show when={props.trouble}>
          {' '}
          <span class="trouble">{props.trouble}</span>
        </Show>
      </dd>
    </div>
  );
}

/** A channel of the car in front as a figure. Not every catalogue knows every channel: then it is not there. */
export function ChannelFigure(props: {
  page: Page;
  label: string;
  keys: readonly string[];
  /** How the value reads, where that is not a number. */
  say?: (value: number | null) => string;
  /** What else knows it, where the car does not tell. */
  otherwise?: number | null | undefined;
}) {
  const reading = createMemo((): Reading => read(props.page, props.page.focus(), ...props.keys));
  const value = () => reading().value ?? props.otherwise ?? null;
  const isKnown = () => reading().channel !== undefined || value() !== null;
  return (
    <Show when={isKnown()}>
      <Figure
        name={props.keys[0]!}
        label={props.label}
        unit={props.say ? '' : reading().unit}
        severity={reading().severity}
        trouble={reading().trouble}
      >
        {props.say ? props.say(value()) : reading().text}
      </Figure>
    </Show>
  );
}
