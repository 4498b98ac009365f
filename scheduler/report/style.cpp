#include "scheduler/report/style.h"

namespace paceline::report {

// Colours from a palette that the usual kinds of colour blindness tell apart (Okabe and Ito).
const std::string_view page_style = R"(
:root {
  color-scheme: light dark;
  --back: #ffffff; --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --panel: #f6f8fa;
  --measured: #0072b2; --predicted: #d55e00; --good: #00735c; --bad: #b3261e;
  --s0: #56b4e9; --s1: #e69f00; --s2: #009e73; --s3: #cc79a7; --s4: #f0e442; --s5: #8da0cb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0d1117; --text: #e6edf3; --soft: #9198a1; --line: #30363d; --panel: #161b22;
    --measured: #56b4e9; --predicted: #f0a04b; --good: #3fcf9f; --bad: #ff8a80;
    --s0: #2f7fb5; --s1: #a97400; --s2: #007a58; --s3: #9a5a80; --s4: #8f8a2a; --s5: #5c6fa0;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1rem; background: var(--back); color: var(--text);
  font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p.note, .soft { color: var(--soft); }
nav a { margin-right: 1rem; }
a { color: var(--measured); }
code, td.code { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere; }
td.code { min-width: 8rem; }
#instruction-table th:nth-child(2) { min-width: 12rem; } #instruction-table th:nth-child(3) { min-width: 14rem; }
#instruction-table td.types { min-width: 9rem; } details td.code:first-child { white-space: nowrap; } #instruction-table th:last-child { min-width: 10rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .5rem .7rem; }
.tile b { display: block; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; position: sticky; top: 0; background: var(--back); }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--measured); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
#instruction-table tbody tr:not(:last-child) > td { border-bottom: 0; }
tr.chosen td { background: var(--panel); font-weight: 600; }
.label { display: block; color: var(--soft); font-size: .85em; overflow-wrap: anywhere; }
.tag { display: inline-block; border: 1px solid var(--line); border-radius: 4px; padding: 0 .35em;
  margin: 0 .2em .2em 0; font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
.faster { color: var(--good); } .slower, .wrong { color: var(--bad); }
details summary { cursor: pointer; color: var(--soft); }
input { font: inherit; padding: .3rem .5rem; width: min(24rem, 100%); color: inherit;
  background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
svg { display: block; } svg.arena { width: 100%; min-width: 36rem; height: auto; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.measured { fill: var(--measured); } .predicted { stroke: var(--predicted); stroke-width: 2; }
.interval { stroke: var(--predicted); stroke-width: 1; } .axis { stroke: var(--line); }
.peak { stroke: var(--bad); stroke-dasharray: 4 3; }
.slot { stroke: var(--back); stroke-width: .5; } .slot:hover { stroke: var(--text); stroke-width: 1.5; }
.s0 { fill: var(--s0); } .s1 { fill: var(--s1); } .s2 { fill: var(--s2); }
.s3 { fill: var(--s3); } .s4 { fill: var(--s4); } .s5 { fill: var(--s5); }
.key { display: inline-block; width: 1.6em; height: .6em; margin-right: .3em; }
@media print { input, nav { display: none; } body { max-width: none; } }
)";

const std::string_view page_script = R"(
(function () {
  var filter = document.getElementById('filter');
  var table = document.getElementById('instruction-table');
  filter.hidden = false;
  filter.addEventListener('input', function () {
    var wanted = filter.value.toLowerCase();
    Array.from(table.tBodies).forEach(function (body) {
      body.hidden = !body.textContent.toLowerCase().includes(wanted);
    });
  });
  table.querySelectorAll('th button').forEach(function (button) {
    button.addEventListener('click', function () {
      var cell = button.closest('th'), column = cell.cellIndex;
      var up = cell.getAttribute('aria-sort') === 'descending';
      var key = function (body) {
        var own = body.rows[0].cells[column];
        return own.dataset.value === undefined ? own.textContent : Number(own.dataset.value);
      };
      Array.from(table.tBodies).sort(function (a, b) {
        var x = key(a), y = key(b);
        var order = typeof x === 'number' ? x - y : x.localeCompare(y);
        return up ? order : -order;
      }).forEach(function (body) { table.appendChild(body); });
      table.querySelectorAll('th').forEach(function (other) { other.removeAttribute('aria-sort'); });
      cell.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    });
  });
})();
)";

}  // namespace paceline::report
