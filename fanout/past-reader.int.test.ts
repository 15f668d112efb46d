import { expect, it } from 'vitest';
import { connectNats } from '../broker/connection.ts';
import { readFrom } from './past-reader.ts';
import { Stage } from './testing/stage.ts';
import { until } from './testing/until.ts';

it('an error of whoever takes what was read is told, and ends the reading instead of the process', async () => {
  const stage = await Stage.set();
  const connection = await connectNats({ servers: [stage.nats.url], name: 'test' });
  try {
    await stage.publisher.begin();
    await stage.publisher.run(30);
    const problems: unknown[] = [];
    const pieces: unknown[] = [];
    readFrom(connection, 'oval', (error) => problems.push(error))(1, 20, (piece, isLast) => {
      pieces.push([piece?.length, isLast]);
      if (piece) throw new Error('cannot take it');
    });
    await until('it is told', () => problems.length > 0);
    expect(problems).toMatchObject([{ message: 'cannot take it' }]);
    expect(pieces).toEqual([
      [16, false],
      [undefined, true],
    ]);
  } finally {
    await connection.close();
    await stage.strike();
  }
});
