import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip, zstdCompress } from 'node:zlib';
import { type Ask, answerTagged, type Reply } from './reply.ts';

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);
const compressZstd = promisify(zstdCompress);

/** Encodings that are offered, best first. */
const ENCODINGS = ['br', 'zstd', 'gzip'] as const;
type Encoding = (typeof ENCODINGS)[number];

/** How much time a form may take: `thorough` needs some 30 times as long as `quick` for a tenth of the bytes. */
export type Effort = 'quick' | 'thorough';
const LEVELS: Record<Effort, Record<Encoding, number>> = {
  quick: { br: 5, zstd: 3, gzip: 6 },
  thorough: { br: 11, zstd: 19, gzip: 9 },
};

const COMPRESS: Record<Encoding, (body: Uint8Array, level: number) => Promise<Uint8Array>> = {
  br: (body, level) => compressBrotli(body, { params: { [constants.BROTLI_PARAM_QUALITY]: level } }),
  zstd: (body, level) => compressZstd(body, { params: { [constants.ZSTD_c_compressionLevel]: level } }),
  gzip: (body, level) => compressGzip(body, { level }),
};

/** The best encoding that a request accepts; `undefined` for none. Source: RFC 9110, section 12.5.3. */
export function chooseEncoding(acceptEncoding: string): Encoding | undefined {
  const weights = new Map<string, number>();
  for (const part of acceptEncoding.toLowerCase().split(',')) {
    const [name, ...parameters] = part.split(';').map((word) => word.trim());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    if (name) weights.set(name, Number.isFinite(weight) ? weight : 0);
  }
  const weightOf = (encoding: Encoding) => weights.get(encoding) ?? weights.get('*') ?? 0;
  const accepted = ENCODINGS.filter((encoding) => weightOf(encoding) > 0);
  return accepted.sort((a, b) => weightOf(b) - weightOf(a))[0];
}

/** Keeps the last body: everybody asks for the newest one. */
export class LastBody {
  #key: string | undefined;
  #body: EncodedBody | undefined;

  /** @param key All that the body depends on. */
  get(key: string, make: () => EncodedBody): EncodedBody {
    if (key !== this.#key || !this.#body) this.#body = make();
    this.#key = key;
    return this.#body;
  }
}

/** A body that never changes, and its compressed forms, each made once when it is asked for. */
export class EncodedBody {
  readonly #body: Uint8Array;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #tag: string;
  readonly #forms = new Map<Encoding, Promise<Uint8Array>>();
  readonly #onMade: (bytes: number) => void;
  readonly #levels: Record<Encoding, number>;
  #bytes: number;

  /** @param onMade Told how many bytes a new form takes. */
  constructor(
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    onMade: (bytes: number) => void = () => {},
    effort: Effort = 'quick',
  ) {
    this.#body = body;
    this.#bytes = body.length;
    this.#headers = { ...headers, Vary: 'Accept-Encoding' };
    this.#tag = createHash('sha256').update(body).digest('base64url').slice(0, 22);
    this.#onMade = onMade;
    this.#levels = LEVELS[effort];
  }

  /** With all forms that were made. */
  get bytes(): number {
    return this.#bytes;
  }

  async answer(ask: Ask): Promise<Reply> {
    const encoding = chooseEncoding(ask.acceptEncoding);
    if (!encoding) return answerTagged(ask, this.#body, `"${this.#tag}"`, this.#headers);
    let form = this.#forms.get(encoding);
    if (!form) {
      form = COMPRESS[encoding](this.#body, this.#levels[encoding]);
      this.#forms.set(encoding, form);
      void form.then(({ length }) => {
        this.#bytes += length;
        this.#onMade(length);
      });
    }
    const headers = { ...this.#headers, 'Content-Encoding': encoding };
    return answerTagged(ask, await form, `"${this.#tag}-${encoding}"`, headers);
  }
}
