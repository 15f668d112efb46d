import { configDefaults, defineConfig } from 'vitest/config';

const INT = '**/*.int.test.ts';
const E2E = '**/*.e2e.test.ts';

// Projects are picked by suffix. They run one group after the other, so that nothing disturbs the tests that
// start real servers and watch the clock.
export default defineConfig({
  test: {
    // uWebSockets.js is a native addon: it wants a process, not a worker thread.
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // Properties take their time on a slow machine; no test asserts any.
          testTimeout: 30_000,
          include: ['**/*.test.ts'],
          exclude: [...configDefaults.exclude, INT, E2E],
          // Pure code: it shares nothing, so its tests may share a process.
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'int',
          include: [INT],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          // On two cores: they wait for servers and clocks a quarter of the time.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: [E2E],
          globalSetup: 'web/testing/built-page.ts',
          // One after the other anyway, and what drives a browser takes seconds to be loaded.
          isolate: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
