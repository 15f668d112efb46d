import { expect, it } from 'vitest';
import { parseCatalogue } from '../../protocol/catalogue.ts';
import { NULL_VALUE } from '../../protocol/coding-plan.ts';
import { viewCar } from './car-view.ts';

const channel = (key: string, more: object = {}) => ({
  ...{ key, label: key, unit: '°C', resolution: 0.1, min: -40, max: 250, aggregate: 'last', group: 'engine' },
  ...{ staleAfterMs: 2000, ...more },
});
const limits = { warnAbove: 115, alarmAbove: 125 };
const catalogue = parseCatalogue({
  name: 'test',
  channels: [channel('water', { limits }), channel('oil'), channel('air')],
  views: { engine: ['water', 'oil'] },
});

it('a channel of a car comes with its range and its limits, and only when it is in the view', () => {
  const watched = { car: '24', view: catalogue.viewOf('engine')!, state: Int32Array.of(1153, NULL_VALUE, 7) };
  const car = viewCar(catalogue, { tick: 5, closeAtMs: 2500 }, watched);
  const common = { unit: '°C', group: 'engine', resolution: 0.1, min: -40, max: 250 };
  expect(car.channel('water')).toEqual({ ...common, key: 'water', label: 'water', limits, value: 115.3 });
  expect(car.channel('oil')).toEqual({ ...common, key: 'oil', label: 'oil', limits: undefined, value: null });
  expect(car.channel('air')).toBeUndefined();
  expect(car.channels()).toEqual([car.channel('water'), car.channel('oil')]);
});
