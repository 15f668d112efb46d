import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventParser, type StreamEvent } from './event-parser.ts';

const parse = (...pieces: string[]): StreamEvent[] => {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.push(piece));
};

/** The rules of the standard, written down apart from the code, for a whole stream. */
function reference(text: string): StreamEvent[] {
  const events: StreamEvent[] = [];
  let name = '';
  let data: string[] = [];
  for (const line of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .slice(0, -1)) {
    if (line === '') {
      if (data.length > 0) events.push({ name, data: data.join('\n') });
      name = '';
      data = [];
      continue;
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line)!;
    const exact = line.includes(':') ? value! : '';
    if (field === 'event') name = exact;
    if (field === 'data') data.push(exact);
  }
  return events;
}

describe('a stream of events', () => {
  it('is read by the rules of the standard', () => {
    expect(
      parse(': hello\n\nretry: 5\nid: a:1\ndata: {"a":1}\n\nevent: frame\ndata:AA==\n\ndata: x\ndata:  y\n\n'),
    ).toEqual([
      { name: '', data: '{"a":1}' },
      { name: 'frame', data: 'AA==' },
      { name: '', data: 'x\n y' },
    ]);
    expect(parse('event: frame\n\ndata: not ended')).toEqual([]);
    expect(parse('data\n\n', '\uFEFFdata: x\n\n')).toEqual([{ name: '', data: '' }]);
    expect(parse('\uFEFFdata: x\r', '\n\r', '\n')).toEqual([{ name: '', data: 'x' }]);
  });

  it('is the same however it is cut', () => {
    const words = fc.constantFrom(
      'data:',
      'data: ',
      'event:',
      'id: ',
      ':',
      'a',
      ' ',
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      '\uFEFF',
      'é',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 40 }), fc.array(fc.nat(60)), (parts, cuts) => {
        const text = parts.join('');
        const places = [0, ...cuts.filter((at) => at < text.length).sort((a, b) => a - b), text.length];
        const pieces = places.slice(1).map((end, n) => text.slice(places[n], end));
        expect(parse(...pieces)).toEqual(reference(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused when an event is larger than any can be, before more of it is kept', () => {
    const parser = new EventParser();
    const piece = 'x'.repeat(1024 * 1024);
    parser.push('data: ');
    expect(() => {
      for (let n = 0; n < 64; n++) parser.push(piece);
    }).toThrow('An event may have 16777216 characters');
    const lines = new EventParser();
    expect(() => {
      for (let n = 0; n < 64; n++) lines.push(`data: ${piece}\n`);
    }).toThrow('An event may have 16777216 characters');
  });

  it('may have as many comments and ids as it likes', () => {
    const parser = new EventParser();
    const piece = `:${'x'.repeat(1024 * 1024)}\nid: ${'x'.repeat(1024 * 1024)}\nevent: a\n`;
    for (let n = 0; n < 40; n++) parser.push(piece);
    expect(parser.push('data: y\n\n')).toEqual([{ name: 'a', data: 'y' }]);
  });
});
