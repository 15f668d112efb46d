import { Show } from 'solid-js';
import { PinnedChannels } from '../channels/pinned-channels.tsx';
import type { Page } from '../page/page.ts';
import { MISSING, sayCar, sayDistance, sayLapTime } from '../words.ts';
import { CarHeading } from './car-heading.tsx';
import { ChannelFigure, Figure } from './figure.tsx';
import { GForce } from './g-force.tsx';
import { gapsOf, type Neighbour } from './gaps.ts';
import { Pedals } from './pedals.tsx';
import { RevCounter } from './rev-counter.tsx';
import { Tires } from './tires.tsx';
import { Vitals } from './vitals.tsx';

/** The car in front: what its driver sees and does, its place, its tires and its engine. */
export function Cockpit(props: { page: Page }) {
  return (
    <section id="car" class="cockpit" aria-labelledby="car-name" tabindex="-1">
      <CarHeading page={props.page} />
      <div class="instruments">
        <div class="driving">
          <RevCounter page={props.page} />
          <Pedals page={props.page} />
          <Standing page={props.page} />
        </div>
        <GForce page={props.page} />
        <Tires page={props.page} />
        <Vitals page={props.page} />
      </div>
      <PinnedChannels
        page={props.page}
        hint="Any channel of the car can be kept in sight here, with a chart: the star in Channels."
      />
    </section>
  );
}

const sayNeighbour = (one: Neighbour | undefined) =>
  one === undefined ? MISSING : `${sayDistance(one)} · ${sayCar(one.car)}`;

/** Where the car stands in the race. */
function Standing(props: { page: Page }) {
  const { page } = props;
  const car = () => page.focus();
  const standing = () => page.shown.standing(car());
  const gaps = () => {
    const race = page.shown.document();
    return race && car() !== undefined ? gapsOf(race, car()!) : undefined;
  };
  return (
    <dl class="dials">
      <Figure name="position" label="Position">
        {standing()?.position ?? MISSING}
      </Figure>
      <ChannelFigure page={page} label="Lap" keys={['lap']} say={sayWhole} otherwise={standing()?.lap} />
      <ChannelFigure
        page={page}
        label="Last lap"
        keys={['lap_time_last']}
        say={sayLapTime}
        otherwise={standing()?.lastLapS}
      />
      <ChannelFigure
        page={page}
        label="Best lap"
        keys={['lap_time_best']}
        say={sayLapTime}
        otherwise={standing()?.bestLapS}
      />
      <Figure name="gap-ahead" label="Car ahead">
        {sayNeighbour(gaps()?.ahead)}
      </Figure>
      <Figure name="gap-behind" label="Car behind">
        {sayNeighbour(gaps()?.behind)}
      </Figure>
      <Show when={standing()}>
        {(known) => (
          <Figure name="gap-leader" label="To the leader">
            {known().position === 1 ? MISSING : sayDistance({ gapS: known().gapS, laps: known().lapsDown })}
          </Figure>
        )}
      </Show>
      <ChannelFigure page={page} label="Fuel" keys={['fuel_pct']} />
    </dl>
  );
}

const sayWhole = (value: number | null): string => (value === null ? MISSING : String(Math.round(value)));
