import type { Page } from '../page/page.ts';
import { Leaderboard } from './leaderboard.tsx';
import { RaceControl } from './race-control.tsx';
import TrackMap from './track-map.tsx';

/** All of the race: the order, the track, and what happened. */
export default function FieldView(props: { page: Page }) {
  return (
    <div class="field">
      <Leaderboard page={props.page} isWhole={true} />
      <div class="beside">
        <TrackMap page={props.page} />
        <RaceControl page={props.page} />
      </div>
    </div>
  );
}
