import type { Page } from '../page/page.ts';
import { sayDriver } from '../words.ts';

/** Whose car fills the page. */
export function CarHeading(props: { page: Page }) {
  const car = () => props.page.focus();
  const entry = () => props.page.shown.entry(car());
  return (
    <div class="who">
      <h2 id="car-name">{car() === undefined ? 'No car chosen' : sayDriver(car()!, entry()?.driver)}</h2>
      <p class="quiet team">{[entry()?.team, entry()?.make].filter(Boolean).join(' · ') || ' '}</p>
    </div>
  );
}
