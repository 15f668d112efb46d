import { expect, it } from 'vitest';
import { whyNotHere } from './register.ts';

it.each([
  [true, true, undefined],
  [true, false, /private window/],
  [false, true, /https/],
  [false, false, /https/],
])('secure: %s, with service workers: %s', (isSecureContext, hasServiceWorkers, reason) => {
  const said = whyNotHere({ isSecureContext, hasServiceWorkers });
  if (reason) expect(said).toMatch(reason);
  else expect(said).toBeUndefined();
});
