import { createEffect, createMemo, createSignal, lazy, Match, Show, Switch } from 'solid-js';
import { Cockpit } from './cockpit/cockpit.tsx';
import { Modal } from './dialogs/modal.tsx';
import { Leaderboard } from './field/leaderboard.tsx';
import { listenToKeys } from './page/keys.ts';
import type { Page } from './page/page.ts';
import { DriverStrip } from './parts/driver-strip.tsx';
import { Later } from './parts/later.tsx';
import { RaceHeader } from './parts/race-header.tsx';
import { StatusStrip } from './parts/status-strip.tsx';
import { ViewTabs } from './parts/view-tabs.tsx';
import { WideOnly } from './parts/wide-only.tsx';
import { TimeBar } from './time/time-bar.tsx';
import { sayCar, sayTimeOfDay } from './words.ts';

// What the first view does not need comes when somebody wants it, or before that, when the page is kept for a time without a network.
const CompareView = lazy(() => import('./compare/compare-view.tsx'));
const TrackMap = lazy(() => import('./field/track-map.tsx'));
const FieldView = lazy(() => import('./field/field-view.tsx'));
const ChannelsView = lazy(() => import('./channels/channels-view.tsx'));
const DriversDialog = lazy(() => import('./dialogs/drivers-dialog.tsx'));
const DevicesDialog = lazy(() => import('./dialogs/devices-dialog.tsx'));
const DetailsDialog = lazy(() => import('./dialogs/details-dialog.tsx'));
const HelpDialog = lazy(() => import('./dialogs/help-dialog.tsx'));

type DialogName = 'drivers' | 'devices' | 'details' | 'help';

/** All of the page. */
export function App(props: { page: Page }) {
  const { page } = props;
  const [dialog, setDialog] = createSignal<DialogName | undefined>();
  const close = (name: DialogName) => dialog() === name && setDialog(undefined);
  const { acts, view: time } = page.playback;
  /** The first figures of the car do not wait for what stands beside them. */
  const [hasPicture, setPicture] = createSignal(false);
  createEffect(() => {
    if (!hasPicture() && page.shown.car(page.focus())) requestAnimationFrame(() => setTimeout(() => setPicture(true)));
  });
  // Looked at with every picture, said once: an alert that is written again is read out again.
  const problem = createMemo(() => page.problem());
  listenToKeys({
    togglePause: () => (time().isPaused ? acts.play() : acts.pause()),
    seekBy: (ms) => time().timeMs !== undefined && acts.seek({ timeMs: time().timeMs! + ms }),
    goLive: () => acts.goLive(),
    showDriver: (place) => {
      const car = page.choice().cars[place];
      if (car !== undefined) page.showCar(car);
    },
    showView: (view) => page.showView(view),
    openDrivers: () => setDialog('drivers'),
    openHelp: () => setDialog('help'),
  });
  createEffect(() => {
    const car = page.focus();
    document.title = [car && sayCar(car), page.shown.document()?.session.name, 'Slipstream']
      .filter(Boolean)
      .join(' · ');
  });
  return (
    <>
      <a class="skip" href="#content">
        Skip to the car
      </a>
      <RaceHeader
        page={page}
        onDevices={() => setDialog('devices')}
        onDetails={() => setDialog('details')}
        onHelp={() => setDialog('help')}
      />
      <StatusStrip page={page} />
      <p id="problem" role="alert" hidden={problem() === undefined}>
        {problem()}
      </p>
      <p id="notice" class="notice" role="status" hidden={page.notice() === undefined}>
        {page.notice()}
      </p>
      <Show when={page.shown.restored()}>
        {(last) => (
          <p id="restored" class="notice">
            This was shown at your last visit, {sayTimeOfDay(last().savedAtMs)}; it goes on as soon as a server answers.
          </p>
        )}
      </Show>
      <div class="top">
        <DriverStrip page={page} onAdd={() => setDialog('drivers')} />
        <ViewTabs page={page} />
      </div>
      <main id="content" tabindex="-1" data-view={page.view()}>
        <Switch>
          <Match when={page.view() === 'car'}>
            <Cockpit page={page} />
            <div class="beside">
              <WideOnly>
                <div class="map-place">
                  <Show when={hasPicture()}>
                    <Later>
                      <TrackMap page={page} />
                    </Later>
                  </Show>
                </div>
              </WideOnly>
              <Show when={hasPicture()}>
                <Leaderboard page={page} isWhole={false} />
              </Show>
            </div>
          </Match>
          <Match when={page.view() === 'field'}>
            <Later>
              <FieldView page={page} />
            </Later>
          </Match>
          <Match when={page.view() === 'compare'}>
            <Compare page={page} />
          </Match>
          <Match when={page.view() === 'channels'}>
            <Later>
              <ChannelsView page={page} />
            </Later>
          </Match>
        </Switch>
      </main>
      <section id="time" aria-labelledby="time-name">
        <TimeBar view={time()} acts={acts} />
      </section>
      <Modal id="drivers" title="Your drivers" isOpen={dialog() === 'drivers'} onClose={() => close('drivers')}>
        <DriversDialog page={page} onClose={() => close('drivers')} />
      </Modal>
      <Modal
        id="devices"
        title="Use on another device"
        isOpen={dialog() === 'devices'}
        onClose={() => close('devices')}
      >
        <DevicesDialog page={page} onClose={() => close('devices')} />
      </Modal>
      <Modal id="details" title="Connection" isOpen={dialog() === 'details'} onClose={() => close('details')}>
        <DetailsDialog page={page} onClose={() => close('details')} />
      </Modal>
      <Modal id="help" title="Keys and words" isOpen={dialog() === 'help'} onClose={() => close('help')}>
        <HelpDialog onClose={() => close('help')} />
      </Modal>
    </>
  );
}

/** The comparison, and the place on the track at which it is being looked. */
function Compare(props: { page: Page }) {
  const { page } = props;
  const [pointer, setPointer] = createSignal<number | undefined>();
  return (
    <div class="comparing">
      <Later>
        <Show when={page.shown.player()}>
          {(player) => (
            <CompareView
              player={player()}
              cars={page.choice().cars}
              nameOf={(car) => page.shown.entry(car)?.driver ?? ''}
              units={page.settings.units()}
              onCursor={(share) => setPointer(share)}
            />
          )}
        </Show>
      </Later>
      <Later>
        <TrackMap page={page} pointer={pointer()} />
      </Later>
    </div>
  );
}
