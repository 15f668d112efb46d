import type { Reply } from './reply.ts';

const MAX_REPLIES = 256;
const MAX_BYTES = 16 * 1024 * 1024;
/** Longer questions are answered, but not remembered. */
const MAX_KEY_LENGTH = 1024;

/**
 * Answers that are good for as long as what they tell of stands still: in a stampede thousands ask the same within one
 * tick. Bounded in number and, with the answers, in bytes.
 */
export class ReplyCache {
  readonly #byKey = new Map<string, Reply>();
  #version = '';
  #bytes = 0;

  /** @param version Another one than the last forgets everything. @param key All that the answer depends on beside it. */
  get(version: string, key: string, make: () => Reply): Reply {
    if (version !== this.#version) {
      this.#version = version;
      this.#byKey.clear();
      this.#bytes = 0;
    }
    const known = this.#byKey.get(key);
    if (known) return known;
    const reply = make();
    const hasRoom = this.#byKey.size < MAX_REPLIES && this.#bytes + reply.body.length <= MAX_BYTES;
    if (hasRoom && key.length <= MAX_KEY_LENGTH) {
      this.#byKey.set(key, reply);
      this.#bytes += reply.body.length;
    }
    return reply;
  }
}
