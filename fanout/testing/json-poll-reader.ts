import { expect } from 'vitest';
import { applyPatch } from '../../protocol/document-patch.ts';
import type { PollHead } from '../../protocol/poll-answer.ts';

type Answer = PollHead & {
  readonly snapshot?: Record<string, unknown>;
  readonly patches?: readonly { readonly position: string; readonly patch: unknown }[];
};

/** Reads the JSON answers to long polls one after another, and refuses what does not fit. */
export class JsonPollReader {
  readonly heads: PollHead[] = [];
  /** Every tick that came, in order. */
  readonly ticks: number[] = [];
  held: Record<string, unknown> | undefined;

  /** Where it is, to ask with. */
  get since(): string | undefined {
    return this.heads.at(-1)?.to;
  }

  read(body: Uint8Array): PollHead {
    const { snapshot, patches, ...head }: Answer = JSON.parse(new TextDecoder().decode(body));
    if (head.kind === 'snapshot') this.held = snapshot;
    else expect(head.from).toBe(this.since);
    for (const { position, patch } of patches ?? []) {
      const before = this.held!.tick as number;
      this.held = applyPatch(this.held, patch) as Record<string, unknown>;
      expect(this.held.position).toBe(position);
      if (this.held.tick === before) continue;
      expect(this.held.tick).toBe(before + 1);
      this.ticks.push(before + 1);
    }
    expect(this.held!.position).toBe(head.to);
    this.heads.push(head);
    return head;
  }
}
