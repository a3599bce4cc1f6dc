"""The one style sheet of reports: light and dark by what the reader prefers, colours that differ without hue too."""

STYLE = """
:root{--ground:#fff;--ink:#1b1f24;--quiet:#59636e;--rule:#d1d9e0;--panel:#f6f8fa;--a:#0969da;--b:#bc4c00;--on:#fff}
@media (prefers-color-scheme:dark){:root{--ground:#0d1117;--ink:#e6edf3;--quiet:#9198a1;--rule:#3d444d;--panel:#151b23;
--a:#6cb6ff;--b:#f69d50;--on:#0d1117}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 20px 60px}
h1{font-size:1.55rem;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:40px 0 8px;padding-top:12px;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:20px 0 6px}
p{margin:6px 0;max-width:75ch}
.quiet,caption,figcaption{color:var(--quiet)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;
margin:18px 0;padding:0;list-style:none}
.tiles li{background:var(--panel);border:1px solid var(--rule);border-radius:6px;padding:10px 14px}
.tiles b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.35em}
.of{margin-right:1.5em}.id{white-space:nowrap}
.key.a{background:var(--a)}.key.b{background:var(--b)}
.wide{overflow-x:auto;margin:10px 0}
table{border-collapse:collapse;font-size:.9rem;min-width:50%}
caption{text-align:left;padding:4px 0;font-size:.85rem}
th,td{padding:4px 12px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule);font-weight:400}
thead th{color:var(--quiet);font-size:.82rem;border-bottom-width:2px;vertical-align:bottom}
.number{font-variant-numeric:tabular-nums;white-space:nowrap}
code{font:.85em ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
figure{margin:10px 0;display:inline-block;vertical-align:top}
figcaption{font-size:.82rem;max-width:42ch}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(500px,1fr));gap:0 20px}
.row{display:flex;flex-wrap:wrap;gap:8px 14px}
svg{display:block;max-width:100%;height:auto}
svg text{fill:var(--quiet);font-size:11px}
svg text.on{fill:var(--on)}svg text.off{fill:var(--ink)}svg text.axis{fill:var(--ink);font-weight:600}
.a.bar{fill:var(--a)}.b.bar{fill:var(--b)}
.grid{stroke:var(--rule)}.same{stroke:var(--quiet);stroke-dasharray:4 3}
.dot{fill:var(--a);fill-opacity:.55;stroke:var(--a)}
.cell{fill:var(--a)}.diagonal{fill:none;stroke:var(--quiet);stroke-opacity:.6}
article{background:var(--panel);border:1px solid var(--rule);border-radius:6px;padding:10px 14px;margin:10px 0}
article p{overflow-wrap:anywhere;white-space:pre-wrap}
dl{display:grid;grid-template-columns:auto 1fr;gap:2px 14px;margin:6px 0}
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
@media print{body{background:#fff;color:#000}article{break-inside:avoid}}
"""
