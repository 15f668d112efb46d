/** Style of a page of results, light and dark. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fcfcfb; --ink: #1b1b1a; --quiet: #5f5e5a; --rule: #e1e0d9; --card: #f4f3f0;
  --c1: #2a78d6; --c2: #1baf7a; --c3: #d98a00; --c4: #7a5af5; --c5: #e34948; --c6: #5f5e5a; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1a1a19; --ink: #f2f1ee; --quiet: #a8a7a2; --rule: #383835; --card: #232321;
    --c1: #4b93ea; --c2: #1fb380; --c3: #d9962a; --c4: #9b86f7; --c5: #ee6f6e; --c6: #a8a7a2; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 20px 16px 48px; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { margin: 0 0 8px; font-size: 26px; line-height: 1.2; }
h2 { margin: 32px 0 8px; font-size: 17px; }
header p { margin: 6px 0 0; color: var(--quiet); }
pre { margin: 0; padding: 8px 12px; border-radius: 6px; background: var(--card); font-size: 13px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
section:first-child { margin-top: 28px; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 16px 6px 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: bottom; }
thead th { white-space: nowrap; }
thead th { color: var(--quiet); font-size: 13px; font-weight: 500; line-height: 1.25; }
td:first-child { white-space: nowrap; font-weight: 500; }
td.number, th.number { text-align: right; }
.pairs th { color: var(--quiet); font-weight: 400; vertical-align: top; }
.pairs td { text-align: left; overflow-wrap: anywhere; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 32px 40px; margin-top: 32px; }
.plots:empty { display: none; }
figure { margin: 0; max-width: 580px; }
figcaption { margin-bottom: 6px; font-weight: 600; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--quiet); font-size: 11px; font-variant-numeric: tabular-nums; }
svg .name, svg .value { fill: var(--ink); font-size: 12px; }
.grid { stroke: var(--rule); stroke-width: 1; }
.tick { stroke: var(--quiet); stroke-width: 1; }
.line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
circle { fill: var(--c); stroke: var(--paper); stroke-width: 1; }
.bar { fill: var(--c); }
.c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 6px; padding: 0; list-style: none; font-size: 13px; }
.legend li::before { content: ''; display: inline-block; width: 12px; height: 12px; margin-right: 6px; border-radius: 3px;
  background: var(--c); vertical-align: -1px; }
details { margin-top: 20px; }
summary { cursor: pointer; }
`;
