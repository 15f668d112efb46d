import { createSignal, onCleanup, onMount, Show } from 'solid-js';
import type { Page } from '../page/page.ts';
import { sayReach, saySession } from '../words.ts';
import { drawQrCode } from './qr-code.ts';

/** Hands the session over to another device by link and QR code, leaves it, and deletes it. */
export default function DevicesDialog(props: { page: Page; onClose: () => void }) {
  const { page } = props;
  // The link is about to be used: what is on the screen is to be found in the session.
  page.share();
  const session = page.session.current;
  const link = session.link(page.raceAddress());
  const reach = sayReach(new URL(link).hostname);
  const [status, setStatus] = createSignal(saySession(session.status));
  const [isSure, setSure] = createSignal(false);
  onCleanup(session.on('status', (now) => setStatus(saySession(now))));
  let field!: HTMLInputElement;

  const copyLink = async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(link);
      setStatus('The link is copied.');
    } catch {
      // Browsers let pages without TLS, and pages that may not, copy nothing by themselves.
      setStatus('This browser does not let the page copy; the link is selected, copy it yourself.');
    }
  };
  const forget = async () => {
    if (!isSure()) {
      setSure(true);
      setStatus('Favorites and choices will be gone on all devices. This cannot be undone.');
      return;
    }
    setSure(false);
    try {
      await page.session.current.forget();
      props.onClose();
    } catch {
      setStatus('No server could delete it just now, so nothing is deleted; try again in a moment.');
    }
  };
  return (
    <>
      <p>
        Scan the code there, or open the link: the devices then follow each other. Whoever has the link can join, so
        give it to nobody else.
      </p>
      <QrCode text={link} />
      <div class="copy">
        <label for="session-link">Link</label>
        <input
          id="session-link"
          ref={field}
          readonly
          type="text"
          spellcheck={false}
          value={link}
          onFocus={() => field.select()}
        />
        <button type="button" id="session-copy" onClick={() => void copyLink()}>
          Copy
        </button>
      </div>
      <Show when={reach !== ''}>
        <p class="quiet">{reach}</p>
      </Show>
      <p role="status" id="session-status">
        {status()}
      </p>
      <div class="actions">
        <button
          type="button"
          id="session-leave"
          onClick={() => {
            page.session.leave();
            props.onClose();
          }}
        >
          Leave on this device
        </button>
        <button type="button" id="session-forget" classList={{ danger: isSure() }} onClick={() => void forget()}>
          {isSure() ? 'Yes, delete it everywhere' : 'Delete on all devices'}
        </button>
        <button type="button" id="devices-close" onClick={() => props.onClose()}>
          Close
        </button>
      </div>
    </>
  );
}

function QrCode(props: { text: string }) {
  let place!: HTMLDivElement;
  onMount(() => place.replaceChildren(drawQrCode(props.text, 'QR code of the link')));
  return <div ref={place} />;
}
