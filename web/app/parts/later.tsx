import { ErrorBoundary, type JSX, Suspense } from 'solid-js';

/** Around what is loaded when it is wanted: says that it is on its way, and what to do when it does not come. */
export function Later(props: { children: JSX.Element }) {
  return (
    <ErrorBoundary
      fallback={(error: Error) => (
        <p class="notice" role="alert">
          This part of the page does not work ({error.message}); reload the page, and if that does not help look at the
          network.
        </p>
      )}
    >
      <Suspense fallback={<p class="quiet">On its way.</p>}>{props.children}</Suspense>
    </ErrorBoundary>
  );
}
