import { createEffect, type JSX, onCleanup, Show } from 'solid-js';
import { Later } from '../parts/later.tsx';

/** A dialog over the page. Escape closes it, and the focus goes back to what opened it: browsers know how. */
export function Modal(props: {
  id: string;
  title: string;
  isOpen: boolean;
  onClose: () => void;
  children: JSX.Element;
}) {
  let dialog!: HTMLDialogElement;
  createEffect(() => {
    if (props.isOpen && !dialog.open) dialog.showModal();
    else if (!props.isOpen && dialog.open) dialog.close();
  });
  onCleanup(() => dialog.close());
  return (
    <dialog id={props.id} ref={dialog} aria-labelledby={`${props.id}-name`} onClose={() => props.onClose()}>
      <h2 id={`${props.id}-name`}>{props.title}</h2>
      <Show when={props.isOpen}>
        <Later>{props.children}</Later>
      </Show>
    </dialog>
  );
}
