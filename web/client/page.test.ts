import { afterEach, describe, expect, it, vi } from 'vitest';
import { browserPage, type PageEvent } from './page.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

function begun() {
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const window = new EventTarget();
  vi.stubGlobal('document', document);
  vi.stubGlobal('window', window);
  const heard: PageEvent[] = [];
  const stop = browserPage()!.listen((event) => heard.push(event));
  const see = (visibilityState: string) => {
    document.visibilityState = visibilityState;
    document.dispatchEvent(new Event('visibilitychange'));
  };
  return { window, heard, stop, see };
}

describe('the page', () => {
  it('tells when it goes out of sight and comes back', () => {
    const { heard, see } = begun();
    see('hidden');
    see('visible');
    expect(heard).toEqual(['hidden', 'shown']);
  });

  it('tells when it wakes: from the page cache, not when it has just been loaded, and onto a network', () => {
    const { window, heard } = begun();
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
    expect(heard).toEqual([]);
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    window.dispatchEvent(new Event('online'));
    expect(heard).toEqual(['awake', 'awake']);
  });

  it('tells nothing more once nobody listens', () => {
    const { window, heard, stop, see } = begun();
    stop();
    see('hidden');
    window.dispatchEvent(new Event('online'));
    expect(heard).toEqual([]);
  });

  it('is none where there is no document', () => {
    expect(browserPage()).toBeUndefined();
  });
});
