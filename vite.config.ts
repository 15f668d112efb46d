import { defineConfig } from 'vite';
import solid from 'vite-plugin-solid';
import { buildWorker } from './web/app/build/build-worker.ts';
import { inlineStyle } from './web/app/build/inline-style.ts';
import { msgpackr } from './web/app/build/msgpackr.ts';

/** Builds the fans' page. Vitest has a configuration of its own and does not read this one. */
export default defineConfig({
  root: 'web/app',
  // The page is served at `/` by an edge, or below any path by a proxy in front of it.
  base: './',
  // The worker knows what was built, so it comes last.
  plugins: [solid(), msgpackr(), inlineStyle(), buildWorker()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
});
