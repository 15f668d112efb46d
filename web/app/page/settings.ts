import { createSignal } from 'solid-js';
import { pageStorage } from '../offline/last-state-keeper.ts';
import type { Units } from '../units.ts';

/** How this device shows things. */
export interface Settings {
  readonly units: Units;
  /** Keys of the channels that are kept in sight, in order. */
  readonly pins: readonly string[];
}

const PLACE = 'slipstream.page';
/** Most channels that are kept in sight: more fill no screen. */
export const MOST_PINS = 12;
const KEY = /^[a-z][a-z0-9_]{0,31}$/;

/** Where miles and Fahrenheit are what people think in. */
const unitsOf = (language: string): Units => (/-(US|LR)$/i.test(language) ? 'us' : 'metric');

/** Reads what was kept; what is no setting is as it is at first. @param text `null` where nothing was kept. */
export function readSettings(text: string | null, language: string): Settings {
  let kept: Partial<Record<keyof Settings, unknown>> | null = null;
  try {
    kept = JSON.parse(text ?? 'null');
  } catch {
    // Somebody else wrote there: it is written anew with the next change.
  }
  const { units, pins } = kept ?? {};
  const keys = (Array.isArray(pins) ? pins : []).filter((key) => typeof key === 'string' && KEY.test(key));
  return {
    units: units === 'us' || units === 'metric' ? units : unitsOf(language),
    pins: [...new Set(keys)].slice(0, MOST_PINS),
  };
}

/** The settings of this device, and what changes them. */
export function openSettings() {
  const [settings, set] = createSignal(readSettings(pageStorage()?.getItem(PLACE) ?? null, navigator.language));
  const change = (part: Partial<Settings>) => {
    set({ ...settings(), ...part });
    try {
      pageStorage()?.setItem(PLACE, JSON.stringify(settings()));
    } catch {
      // Full or forbidden: it holds until the page is closed.
    }
  };
  return {
    units: () => settings().units,
    pins: () => settings().pins,
    setUnits: (units: Units) => change({ units }),
    /** Keeps a channel in sight, or does so no longer. */
    togglePin: (key: string) => {
      const { pins } = settings();
      change({ pins: pins.includes(key) ? pins.filter((one) => one !== key) : [...pins, key].slice(-MOST_PINS) });
    },
  };
}
