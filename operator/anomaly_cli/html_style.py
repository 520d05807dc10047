"""The style sheet of the report: one column, readable on a phone, light or dark as the reader has
it."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #5b6570; --rule: #d5dae0;
  --band: #cfe3f7; --value: #1f5fa8; --shade: #f3b3a6; --alert: #b3261e; --warning: #a86a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --paper: #14171a; --soft: #9aa4ae;
  --rule: #343a41; --band: #1f3a55; --value: #8cc0f5; --shade: #6b2f26; --alert: #ff8a80;
  --warning: #f0b34a; } }
body { font: 16px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; padding: 0.75rem; max-width: 72rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; }
ul { padding-left: 1.2rem; color: var(--soft); font-size: 0.875rem; }
figure { margin: 0 0 1.25rem; } figcaption { font-size: 0.875rem; color: var(--soft); }
figcaption b { color: var(--ink); font-size: 1rem; margin-right: 0.5rem; }
.plot { position: relative; border: 1px solid var(--rule); }
.plot.named { padding-top: 4.2rem; }
svg { display: block; width: 100%; height: 9rem; }
.time { display: flex; justify-content: space-between; font-size: 0.75rem; color: var(--soft); }
.band { fill: var(--band); } .shade { fill: var(--shade); opacity: 0.5; }
path { fill: none; vector-effect: non-scaling-stroke; }
.value { stroke: var(--value); stroke-width: 1.5; stroke-linecap: round; }
.limit { stroke-width: 1.5; stroke-dasharray: 6 4; }
.alert, .critical { stroke: var(--alert); } .limit.warning { stroke: var(--warning); }
.tag { position: absolute; max-width: 40%; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; font-size: 0.75rem; line-height: 1.3rem; padding: 0 0.3rem;
  background: var(--shade); color: inherit; text-decoration: none; border-radius: 0.2rem; }
.row0 { top: 0.05rem; } .row1 { top: 1.4rem; } .row2 { top: 2.75rem; }
.table { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.875rem; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.6rem;
  border-bottom: 1px solid var(--rule); overflow-wrap: normal; }
td:last-child { min-width: 16rem; }
tr.critical, tr.high { border-left: 0.3rem solid var(--alert); }
tr.medium { border-left: 0.3rem solid var(--warning); }
tr:target { background: var(--band); }
@media (max-width: 45rem) { table, tbody, tr, td { display: block; } thead { display: none; }
  tr { padding: 0.4rem 0; border-bottom: 1px solid var(--rule); }
  td { border: 0; padding: 0.05rem 0.6rem; overflow-wrap: anywhere; }
  td::before { content: attr(data-head); display: inline-block; width: 5.5rem;
    color: var(--soft); } }
"""
