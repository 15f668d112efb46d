import { round } from '../machine.ts';

/** Adds up what the processes of one kind have used, and tells what they used since. */
export class Shares {
  readonly #meters: Readonly<Record<string, () => number>>;
  readonly #at: Record<string, number> = {};

  constructor(meters: Readonly<Record<string, () => number>>) {
    this.#meters = meters;
  }

  begin(): void {
    for (const [name, meter] of Object.entries(this.#meters)) this.#at[name] = meter();
  }

  /** @returns cores in use, by name. */
  end(seconds: number): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.#meters).map(([name, meter]) => [name, round((meter() - this.#at[name]!) / seconds, 3)]),
    );
  }
}
