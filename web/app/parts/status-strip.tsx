import type { Page } from '../page/page.ts';
import { sayAge } from '../words.ts';

/** Whether what is shown is live, how old it is, and what had to be repaired. */
export function StatusStrip(props: { page: Page }) {
  const { status } = props.page.shown;
  return (
    <section class="link" aria-label="Connection">
      <p id="connection" role="status">
        {status.view().connection}
      </p>
      <p>
        <span class="quiet">Age of data</span>{' '}
        <span id="age" class="figure">
          {sayAge(status.view().ageMs)}
        </span>
      </p>
      <p id="receipt" class="quiet">
        {status.receipt()}
      </p>
    </section>
  );
}
