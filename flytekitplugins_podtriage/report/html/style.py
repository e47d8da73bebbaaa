"""The style of the pages: a light and a dark palette, and the layout."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  --ground: #fbfbfa; --card: #ffffff; --ink: #1c2128; --soft: #5b6470; --line: #dfe3e8; --quote: #f3f4f6;
  --system: #8a5a00; --system-ground: #fff1cc; --user: #8b2a6b; --user-ground: #fbe3f2;
  --unknown: #1f5f7a; --unknown-ground: #dff2fa; --bad: #c2321f; --good: #1e7a3c; --pull: #2467b5; --bar: #e8ecf1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171c; --card: #1c2027; --ink: #e6e9ee; --soft: #9aa4b1; --line: #323944; --quote: #242a33;
    --system: #f2c14e; --system-ground: #43340d; --user: #f09ad0; --user-ground: #47203a;
    --unknown: #7fcbe8; --unknown-ground: #14384a; --bad: #ff7a66; --good: #6ccf8b; --pull: #78b3f5; --bar: #2b323c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1rem 1rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.25rem 1.5rem;
  margin-bottom: 1.5rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; }
h1, h2 { font-size: 1.25rem; margin: 0; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
p { margin: .4rem 0; }
.soft { color: var(--soft); }
.time { white-space: nowrap; }
.state { margin-left: auto; font-weight: 600; color: var(--system); }
.state.bad, .bad { color: var(--bad); }
.state.good, .good { color: var(--good); }
.cause { font-size: 1.15rem; font-weight: 600; margin: 1rem 0 .25rem; }
.badge { display: inline-block; white-space: nowrap; border-radius: 5px; padding: .05rem .5rem; font-size: .85rem;
  font-weight: 700; }
.badge.system { color: var(--system); background: var(--system-ground); }
.badge.user { color: var(--user); background: var(--user-ground); }
.badge.unknown { color: var(--unknown); background: var(--unknown-ground); }
.badge.none { color: var(--soft); background: var(--quote); }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  font-size: .875em; overflow-wrap: anywhere; }
blockquote { margin: .6rem 0; padding: .5rem .9rem; background: var(--quote); border-left: 3px solid var(--line);
  border-radius: 0 6px 6px 0; }
blockquote footer { color: var(--soft); font-size: .85rem; padding: 0; margin: .2rem 0 0; text-align: left; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .85rem; vertical-align: bottom; }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); }
td { vertical-align: top; }
td.long { overflow-wrap: anywhere; }
table.numbers, table.counts { font-variant-numeric: tabular-nums; }
table.numbers th:not(:first-child), table.numbers td:not(:first-child), table.counts th:nth-child(n+3),
table.counts td:nth-child(n+3) { text-align: right; padding-left: .5rem; }
table.numbers td:first-child { overflow-wrap: anywhere; }
table.charges td:not(:last-child) { white-space: nowrap; }
table.numbers { table-layout: fixed; } table.numbers th:first-child { width: 30%; }
.fix { border-left: 3px solid var(--good); padding: .1rem 0 .1rem .9rem; margin-top: 1.25rem; }
ul { margin: .4rem 0; padding-left: 1.2rem; }
details { margin-top: 1rem; }
details summary { cursor: pointer; color: var(--soft); }
main > p.headline { font-size: 1.3rem; font-weight: 600; }
body > footer { text-align: center; color: var(--soft); font-size: .8rem; padding: 0 1rem 1.5rem; }
svg { display: block; width: 100%; height: auto; margin: 1rem 0 .5rem; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--ink); }
svg .l { paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
svg .s { fill: var(--soft); } svg .b { font-weight: 600; }
svg .rail { stroke: var(--line); stroke-width: 2; } svg .tick { stroke: var(--line); }
svg .lane { fill: var(--bar); } svg .now { stroke: var(--ink); stroke-dasharray: 3 3; }
svg .lead { stroke: var(--soft); stroke-width: .7; }
svg .m { stroke: var(--card); stroke-width: 2; }
svg .progress, svg .f-none { fill: var(--soft); } svg .pulling { fill: var(--pull); }
svg .trouble, svg .ended { fill: var(--bad); } svg .running, svg .well { fill: var(--good); }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .85rem; margin: 0 0 1rem; }
.key span { display: flex; align-items: center; gap: .4rem; }
.key svg { width: .75rem; height: .75rem; margin: 0; flex: none; }
svg .f-wrong { fill: var(--bad); } svg .f-right { fill: var(--good); }
.gantt { font-size: .9rem; margin: 1rem 0 .5rem; }
.lane-row { display: grid; grid-template-columns: 11.5rem 1fr 15rem; gap: 0 .75rem; align-items: center;
  margin: .3rem 0; }
.track { position: relative; height: 1.4rem; background: var(--bar); border-radius: 3px; }
.track > .soft { padding: 0 .5rem; }
.bar { position: absolute; top: 0; height: 100%; min-width: 3px; border-radius: 2px;
  border-right: 1px solid var(--card); }
.succeeded { background: var(--good); } .to-system { background: var(--system); } .to-user { background: var(--user); }
.wrong { background: var(--bad); }
.waited { background: repeating-linear-gradient(135deg, var(--good) 0 3px, var(--bar) 3px 7px); }
.bar-key { width: .75rem; height: .75rem; border-radius: 3px; flex: none; }
.axis { position: relative; height: 1.2rem; margin: 0 15.75rem 0 12.25rem; color: var(--soft); font-size: .8rem; }
.axis span { position: absolute; border-left: 1px solid var(--line); padding-left: .2rem; white-space: nowrap; }
svg.narrow { display: none; }
@media (max-width: 46rem) {
  svg.wide { display: none; } svg.narrow { display: block; }
  article { padding: 1rem; }
  thead { display: none; }
  table, tbody, tr, td { display: block; width: auto; }
  tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
  table.charges td:nth-child(n) { white-space: normal; }
  td, table.numbers td:nth-child(n), table.counts td:nth-child(n) { border: 0; padding: .1rem 0; text-align: left;
    overflow-wrap: anywhere; display: grid; grid-template-columns: 9.5rem minmax(0, 1fr); gap: .5rem;
    justify-items: start; }
  td::before { content: attr(data-head); color: var(--soft); font-size: .85rem; }
  td:empty { display: none; }
  .lane-row { display: block; margin: .6rem 0; }
  .axis { margin: 0; }
}
@media print { article { break-inside: avoid; } }
"""
"""The CSS of every page. The dark palette follows the reader's setting."""
