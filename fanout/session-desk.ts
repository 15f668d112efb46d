import type { SessionState } from './sessions.ts';

/** A device that wants to hear of changes of its session. */
export interface SessionDevice {
  /** Whether it reads too slowly to be told more now. */
  isBusy(): boolean;
  tell(state: SessionState): void;
}

/** One session and its devices on this edge. */
interface Entry {
  /** The newest revision that this edge has heard of; 0 while it knows none. */
  revision: number;
  /** The devices, each with the revision that it holds; {@link NOTHING} before it was told anything. */
  readonly devices: Map<SessionDevice, number>;
}

const NOTHING = -1;

/**
 * Who wants to hear of which session. Holds no session: what it is told goes on to the devices that do not know it yet,
 * and whoever cannot take it now is noted, so that it is read again.
 */
export class SessionDesk {
  readonly #entries = new Map<string, Entry>();
  readonly #late = new Set<string>();
  readonly #maxDevices: number;

  /** @param maxDevices Of one session. */
  constructor(maxDevices: number) {
    this.#maxDevices = maxDevices;
  }

  /** Devices on this edge. */
  get size(): number {
    let size = 0;
    for (const { devices } of this.#entries.values()) size += devices.size;
    return size;
  }

  /** @param holds The revision that it holds, if it does. @returns whether there is room for one more device. */
  attach(key: string, device: SessionDevice, holds = NOTHING): boolean {
    const entry = this.#entries.get(key) ?? { revision: 0, devices: new Map() };
    if (entry.devices.size >= this.#maxDevices) return false;
    this.#entries.set(key, entry);
    entry.devices.set(device, holds);
    return true;
  }

  /** Safe to call twice. */
  detach(key: string, device: SessionDevice): void {
    const entry = this.#entries.get(key);
    entry?.devices.delete(device);
    if (entry?.devices.size !== 0) return;
    this.#entries.delete(key);
    this.#late.delete(key);
  }

  /** Keys whose devices have to be told something that has to be read first; each is given once. */
  takeLate(most: number): string[] {
    const keys = [...this.#late].slice(0, most);
    for (const key of keys) this.#late.delete(key);
    return keys;
  }

  /** NATS has lost its data: revisions begin anew, and nothing that a device holds is stored any more. */
  forgetAll(): void {
    for (const [key, entry] of this.#entries) {
      entry.revision = 0;
      for (const device of entry.devices.keys()) entry.devices.set(device, NOTHING);
      this.#late.add(key);
    }
  }

  /** The newest revision of a session that is known here. */
  revisionOf(key: string): number {
    return this.#entries.get(key)?.revision ?? 0;
  }

  /**
   * Takes what is stored under a key. A revision that is older than what is known comes too late and says nothing.
   * @param revision 0: nothing is stored, and nothing was when this was asked.
   */
  take(key: string, revision: number, state: SessionState): void {
    const entry = this.#entries.get(key);
    if (!entry || (revision > 0 && revision < entry.revision)) return;
    entry.revision = revision;
    for (const [device, held] of entry.devices) {
      if (held === revision) continue;
      if (device.isBusy()) this.#late.add(key);
      else {
        // First: it may detach when it is told.
        entry.devices.set(device, revision);
        device.tell(state);
      }
    }
  }

  /** What is stored cannot be read now: those who know nothing are told that, and everybody gets it later. */
  excuse(key: string, state: SessionState): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#late.add(key);
    for (const [device, held] of entry.devices) if (held === NOTHING) device.tell(state);
  }
}
