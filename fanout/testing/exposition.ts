/** One metric as a scraper reads it. */
export interface Scraped {
  readonly help: string;
  readonly type: string;
  /** By name and labels as they stand in the text: `slipstream_fans{race="oval",stage="live"}`. */
  readonly samples: ReadonlyMap<string, number>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const HELP = new RegExp(`^# HELP (${NAME}) (\\S.*)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`);
const SAMPLE = new RegExp(`^((${NAME})(?:\\{${LABEL}(?:,${LABEL})*\\})?) (-?[0-9.]+(?:e[+-]?[0-9]+)?|[+-]Inf|NaN)$`);

/** Reads the Prometheus text format and nothing else. @throws {Error} with the line that breaks it. */
export function readExposition(text: string): Map<string, Scraped> {
  if (!text.endsWith('\n')) throw new Error('The text does not end with a line feed.');
  const metrics = new Map<string, Scraped & { samples: Map<string, number> }>();
  let help: string[] = [];
  let name = '';
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [helped, typed, sampled] = [HELP.exec(line), TYPE.exec(line), SAMPLE.exec(line)];
    if (helped) {
      help = helped.slice(1);
    } else if (typed) {
      name = typed[1]!;
      if (help[0] !== name || metrics.has(name)) throw new Error(`Out of place: ${line}`);
      metrics.set(name, { help: help[1]!, type: typed[2]!, samples: new Map() });
    } else if (sampled) {
      const [, key, metric] = sampled;
      const { type, samples } = metrics.get(name) ?? { type: '', samples: new Map() };
      const own = type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
      if (!own.includes(metric!) || samples.has(key!)) throw new Error(`Out of place: ${line}`);
      samples.set(key!, Number(sampled[3]!.replace('Inf', 'Infinity')));
    } else {
      throw new Error(`Not in the format: ${line}`);
    }
  }
  return metrics;
}

/** All samples of a text, by name and labels. */
export const samplesOf = (text: string): Map<string, number> =>
  new Map([...readExposition(text).values()].flatMap(({ samples }) => [...samples]));
