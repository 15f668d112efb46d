import { describe, expect, it } from 'vitest';
import type { RaceDocument } from '../protocol/document.ts';
import { EMPTY_FIELD } from '../protocol/field.ts';
import { encodePreamble, type RacePoint } from './race-publisher.ts';
import { readTestCatalogue } from './test-catalogues.ts';

const catalogue = readTestCatalogue('formula-1');
const subjects = { catalogue: 'c', tick: 't', keyframe: 'k', doc: 'd' };
const run = { epoch: '0123456789abcdef', catalogue, subjects };
const pointAfter = (tick: number): RacePoint => ({
  tick,
  field: EMPTY_FIELD,
  document: {} as RaceDocument,
  docRevision: 0,
  closeAtMs: 0,
});

describe('the catalogue', () => {
  it.each([-1, 7199, 14_399])('stands before the tick after tick %i, as the exact text that was hashed', (tick) => {
    const [message, ...rest] = encodePreamble(run, pointAfter(tick));
    expect(rest).toEqual([]);
    expect(message).toMatchObject({ subject: 'c', id: `0123456789abcdef:c${catalogue.hash}` });
    expect(new TextDecoder().decode(message!.data)).toBe(catalogue.json);
  });

  it.each([0, 1, 7198, 7200])('is not repeated before the tick after tick %i', (tick) => {
    expect(encodePreamble(run, pointAfter(tick))).toEqual([]);
  });
});
