import { expect, it } from 'vitest';
import { MOST_PINS, readSettings, type Settings } from './settings.ts';

it.each<[string | null, string, Settings]>([
  [null, 'de-DE', { units: 'metric', pins: [] }],
  [null, 'en-US', { units: 'us', pins: [] }],
  ['{"units":"metric","pins":["rpm","oil_temp"]}', 'en-US', { units: 'metric', pins: ['rpm', 'oil_temp'] }],
  ['{"units":"us","pins":["rpm","rpm"]}', 'de-DE', { units: 'us', pins: ['rpm'] }],
  ['{"units":"feet","pins":[1,null,"<b>","rpm"]}', 'de-DE', { units: 'metric', pins: ['rpm'] }],
  ['null', 'de-DE', { units: 'metric', pins: [] }],
  ['[', 'de-DE', { units: 'metric', pins: [] }],
  ['"text"', 'de-DE', { units: 'metric', pins: [] }],
  ['{"pins":"rpm"}', 'de-DE', { units: 'metric', pins: [] }],
])('%s is read in %s', (text, language, settings) => {
  expect(readSettings(text, language)).toEqual(settings);
});

it('keeps no more channels in sight than a screen has room for', () => {
  const pins = Array.from({ length: 50 }, (_, n) => `key_${n}`);
  expect(readSettings(JSON.stringify({ pins }), 'de-DE').pins).toHaveLength(MOST_PINS);
});
