import { createEffect, createMemo, createSignal, on, onCleanup, onMount, untrack } from 'solid-js';
import type { CarView } from '../../client/mod.ts';
import type { Page } from '../page/page.ts';
import { Glide } from './glide.ts';
import { MapPicture, type Marker } from './map-picture.ts';
import { mayMove } from './motion.ts';
import { Projection } from './projection.ts';
import { seedOutline } from './seed-outline.ts';
import { type Place, TrackOutline } from './track-outline.ts';

/** From one picture to the next while cars move, and one more of the screen's: no car moves more than two pixels meanwhile. */
const PAUSE_MS = 20;

/**
 * Where every car is, on a track that the cars draw themselves. For eyes only: the standings say the same in words, and better.
 * @param pointer Share of the lap, 0 to 1, at which somebody points.
 */
export default function TrackMap(props: { page: Page; pointer?: number | undefined }) {
  const { page } = props;
  let canvas!: HTMLCanvasElement;
  let picture: MapPicture | undefined;
  let [outline, projection, glide] = [new TrackOutline(), new Projection(), new Glide()];
  /** How much of the track is drawn; 1 when it closes. */
  const [share, setShare] = createSignal(0);
  const drawn = () => (outline.isWhole ? 1 : outline.share);
  let shownAtMs: number | undefined;
  let shownTick: number | undefined;
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Nobody sees what is drawn far above or below what a phone shows. */
  let isInSight = false;
  const seeding = new AbortController();

  const cars = (): CarView[] => {
    page.shown.picture();
    return page.shown.player()?.cars() ?? [];
  };

  /** A picture: the cars go on from where they are. */
  const take = () => {
    const player = page.shown.player();
    const [tick, timeMs] = [player?.tick, player?.time];
    const seen = cars();
    if (tick === undefined || timeMs === undefined || tick === shownTick) return refit();
    const places = new Map<string, Place>();
    for (const car of seen) {
      const place = projection.placeOf(car);
      if (!place) continue;
      places.set(car.car, place);
      const lapShare = car.value('lap_dist_pct');
      if (lapShare !== null && car.value('on_pit_road') !== 1) outline.add(lapShare / 100, place);
    }
    setShare(drawn());
    const isJump = shownAtMs === undefined || timeMs <= shownAtMs || timeMs - shownAtMs > 5000;
    [shownAtMs, shownTick] = [timeMs, tick];
    glide.tick(places, performance.now(), isJump || places.size === 0);
    refit();
  };

  const refit = () => {
    picture?.fit(outline.lines(), outline.isWhole, glide.at(Number.POSITIVE_INFINITY).values());
    draw();
  };

  /** Light and dark, and the room that there is, change at any time. */
  const measure = () => {
    picture ??= new MapPicture(canvas);
    picture.measure();
    refit();
  };

  const draw = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    if (!isInSight) return;
    const nowMs = performance.now();
    // Without motion every car stands where the newest tick has it.
    const places = glide.at(mayMove() ? nowMs : Number.POSITIVE_INFINITY);
    const { cars: chosen, focus } = untrack(page.choice);
    const markers: Marker[] = [...places].map(([car, place]) => ({
      ...{ car, place, chosen: chosen.indexOf(car) + 1, isFocus: car === focus },
    }));
    const pointer = props.pointer === undefined ? undefined : outline.at(props.pointer);
    picture?.draw(markers, pointer);
    if (!mayMove() || !glide.isMoving(nowMs)) return;
    timer = setTimeout(() => {
      frame = requestAnimationFrame(draw);
    }, PAUSE_MS);
  };

  createEffect(
    on(page.shown.name, () => {
      [outline, projection, glide] = [new TrackOutline(), new Projection(), new Glide()];
      shownAtMs = shownTick = undefined;
    }),
  );
  createEffect(on([page.shown.picture, page.choice], take));
  createEffect(on(() => props.pointer, draw, { defer: true }));
  // The race was there before this page: what the car in front drove is asked for once, when a time is shown up to which it may be told.
  const isShown = createMemo(() => page.shown.car(page.focus()) !== undefined);
  const front = createMemo(() => page.focus());
  createEffect(
    on([page.shown.player, front, isShown], ([player, car, canAsk]) => {
      if (!player || car === undefined || !canAsk || outline.isWhole) return;
      void seedOutline(player, car, outline, projection, seeding.signal).then(() => {
        setShare(drawn());
        refit();
      });
    }),
  );
  onMount(() => {
    const stopViewing = page.shown.viewField();
    const watcher = new ResizeObserver(measure);
    watcher.observe(canvas);
    const sight = new IntersectionObserver((seen) => {
      isInSight = seen.at(-1)!.isIntersecting;
      draw();
    });
    sight.observe(canvas);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', measure);
    onCleanup(() => {
      stopViewing();
      watcher.disconnect();
      sight.disconnect();
      scheme.removeEventListener('change', measure);
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      seeding.abort();
    });
  });

  const words = () =>
    share() === 0
      ? 'Map of the track: no car has said yet where it is.'
      : `Map of the track with ${cars().length} cars${share() < 1 ? '; it is drawn as the cars drive' : ''}.`;
  return (
    <section class="map" aria-label="Track map">
      <canvas ref={canvas} role="img" aria-label={words()} />
      <p class="quiet" hidden={share() === 1}>
        {share() === 0 ? 'No car has said yet where it is.' : 'The cars are drawing the track.'}
      </p>
    </section>
  );
}
