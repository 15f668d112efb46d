import { For } from 'solid-js';
import { KEYS } from '../page/keys.ts';

/** Which keys do what, and what the words mean. */
export default function HelpDialog(props: { onClose: () => void }) {
  return (
    <>
      <dl class="facts">
        <For each={KEYS}>
          {({ shown, does }) => (
            <div>
              <dt>
                <kbd>{shown}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          )}
        </For>
      </dl>
      <p class="quiet">
        Times in the standings are seconds behind the leader at the last crossing of the line. A – stands where the car
        sends no value; “silent since” says that it did before. Colors are never all that tells something: “low”, “high”
        and “too high” stand beside the value.
      </p>
      <div class="actions">
        <button type="button" id="help-close" onClick={() => props.onClose()}>
          Close
        </button>
      </div>
    </>
  );
}
