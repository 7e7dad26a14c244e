"""The page around a report: its style, its script, and the policy that lets no request leave the machine."""

from __future__ import annotations

from domain.errors import ConfigError

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; form-action 'none'"
)

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f5f6f8; --ink: #1a1d21; --faint: #5b6470; --line: #d9dde3;
  --up: #0060a8; --down: #c2500a; --third: #00795a; --fourth: #a8518a; --fifth: #7a5c00; --sixth: #2f7fb5;
  --seventh: #6b4fa0; --rest: #5b6470; --halt: #c2500a; --candle: #8b949e; --warn: #fff3cd; --warn-ink: #4d3900;
  --zero: #f0f1f3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1d2127; --ink: #e8eaed; --faint: #a2abb6; --line: #353b44;
    --up: #56b4e9; --down: #f0883e; --third: #2fc79b; --fourth: #d98fc1; --fifth: #e3c34a; --sixth: #8ecbf0;
    --seventh: #b39ddb; --rest: #a2abb6; --halt: #f0883e; --candle: #7d8590; --warn: #4d3900; --warn-ink: #ffe9a8;
    --zero: #262b32;
  }
}
* { box-sizing: border-box; }
html { font-size: clamp(14px, 0.35vw + 11px, 24px); }
body {
  margin: 0 auto; padding: 1rem clamp(0.75rem, 2vw, 3rem) 3rem; max-width: 110rem; background: var(--page);
  color: var(--ink); font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  line-height: 1.45; overflow-wrap: anywhere;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0.5rem 0; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 0.5rem; }
p { margin: 0.4rem 0; max-width: 75ch; }
.faint, .note, caption, dd small { color: var(--faint); }
.note { font-size: 0.9rem; }
.banner {
  background: var(--warn); color: var(--warn-ink); border-left: 0.35rem solid currentColor; padding: 0.6rem 0.9rem;
  margin: 0.6rem 0; font-weight: 600; max-width: none;
}
.banner ul { margin: 0.3rem 0 0; font-weight: 400; }
dl.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 9.6rem), 1fr)); gap: 0.6rem; }
dl.tiles > div { background: var(--card); border-radius: 0.4rem; padding: 0.6rem 0.75rem; min-width: 0; }
dl.tiles dt { color: var(--faint); font-size: 0.85rem; }
dl.tiles dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
dl.tiles small { display: block; font-size: 0.75rem; line-height: 1.3; }
.wide { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
caption { text-align: left; padding: 0.2rem 0; }
th, td { text-align: left; padding: 0.28rem 0.9rem 0.28rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-weight: 600; color: var(--faint); white-space: nowrap; }
td { overflow-wrap: normal; }
.n { text-align: right; white-space: nowrap; }
.long td { overflow-wrap: anywhere; min-width: 6rem; }
.won { color: var(--up); }
.lost { color: var(--down); }
.chart { height: 24rem; width: 100%; }
.chart.low { height: 16rem; }
.chart.scrolled { min-width: 44rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 0 2rem; }
.pair > * { min-width: 0; }
select { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); padding: 0.3rem;
  border-radius: 0.3rem; max-width: 100%; }
tr.group th { padding-top: 0.9rem; color: var(--ink); }
code { font-size: 0.88em; }
@media print { .chart { break-inside: avoid; } select { display: none; } .wide { overflow: visible; } }
"""

SCRIPT = """
"use strict";
const style = getComputedStyle(document.documentElement);
const named = value => typeof value === "string" && value.startsWith("--");
const token = value => named(value) ? style.getPropertyValue(value).trim() : value;
const coloured = (key, value) => key === "colorscale" ? value.map(([at, one]) => [at, token(one)])
  : !/color$/.test(key) ? value : Array.isArray(value) ? value.map(token) : token(value);
const charts = () => JSON.parse(document.getElementById("charts").textContent, coloured);
const touch = matchMedia("(pointer: coarse), (max-width: 40rem)").matches;
function layout(own) {
  const size = parseFloat(style.fontSize) * 0.82, line = token("--line");
  const axis = {gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true};
  const made = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
    font: {color: token("--ink"), size, family: getComputedStyle(document.body).fontFamily},
    margin: {l: 8, r: 8, t: 24, b: 8}, dragmode: touch ? false : "zoom",
    legend: {orientation: "h", y: 1, yanchor: "bottom", x: 0},
    modebar: {bgcolor: "rgba(0,0,0,0)", color: line, activecolor: token("--ink")},
    hoverlabel: {bgcolor: token("--card"), font: {color: token("--ink")}, align: "left"}, ...own,
  };
  for (const name of ["xaxis", "yaxis", "xaxis2", "yaxis2"])
    if (own[name] || name.length === 5) made[name] = {...axis, ...own[name]};
  return made;
}
function draw(id, variants) {
  const place = document.getElementById(id), choice = document.getElementById(id + "-choice");
  const one = variants[choice ? choice.selectedIndex : 0], note = document.getElementById(id + "-note");
  if (note) note.textContent = one.note;
  const bar = touch || one.layout.dragmode === false ? false : "hover";
  return Plotly.react(place, one.data, layout(one.layout), {
    displaylogo: false, responsive: true, showTips: false, plotlyServerURL: "", displayModeBar: bar,
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  });
}
async function drawAll() {
  for (const [id, variants] of Object.entries(charts())) await draw(id, variants);
}
for (const choice of document.querySelectorAll("select"))
  choice.addEventListener("change", () => { const id = choice.id.replace("-choice", ""); draw(id, charts()[id]); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
drawAll().then(() => { document.documentElement.dataset.drawn = "yes"; });
"""


def page(title: str, body: str, charts: str, plotly: str) -> str:
    """One document that needs nothing else. ``body`` is HTML, ``charts`` JSON, ``plotly`` the library's source."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
{body}
<script type="application/json" id="charts">{in_script(charts)}</script>
<script>{plotly}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def in_script(json: str) -> str:
    """JSON inside of a page: no text in it ends the script or begins a comment."""
    return json.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def plotly_source() -> str:
    """The library's script. Raises ConfigError where plotly is not installed."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ConfigError("--report needs plotly: pip install argus-trading[reports]") from error
    source: str = get_plotlyjs()
    return source.replace("</script", "<\\/script")
