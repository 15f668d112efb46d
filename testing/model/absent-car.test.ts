import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeEdge, World } from '../../fanout/testing/fake-world.ts';
import { ModelFan } from './model-fan.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
});
afterEach(() => vi.useRealTimers());

it.each(['pass', 'refused'] as const)(
  'asks once for a car that has left the field, WebSockets: %s, in a race that stands still',
  async (webSockets) => {
    const world = new World(1);
    const edge = new FakeEdge(world);
    const excuses = { hasNewLife: false, hasSpoilt: false, hasLagged: false };
    const watch = [{ car: '0', view: 'full' }];
    const fan = new ModelFan(world, [edge], excuses, { wish: { watch }, history: 'all', rate: 2, random: () => 0.5 });
    const { race, net } = fan;
    net.webSockets = webSockets;
    const pass = async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
      edge.fans.sweep(performance.now());
      edge.settle();
    };
    try {
      world.publish(20);
      world.publishWithout('3');
      edge.catchUp();
      while (race.status.phase !== 'live') await pass(100);
      let links = 0;
      race.on('status', ({ phase }) => {
        if (phase === 'connecting') links++;
      });
      race.watch([...watch, { car: '3', view: 'full' }]);
      for (let second = 0; second < 20; second++) await pass(1000);

      expect(race.status.phase).toBe('live');
      expect(race.statistics().receipts.snapshot.count).toBe(2);
      // Where nothing can go up, another stream says it: what is chosen, and that it does not come.
      expect([race.transport, links]).toEqual(webSockets === 'pass' ? ['websocket', 0] : ['sse', 2]);

      world.publish(1);
      edge.catchUp();
      await pass(100);
      expect(race.cars().map(({ car }) => car)).toEqual(['0', '3']);
      expect(fan.problems).toEqual([]);
    } finally {
      race.close();
    }
  },
);
