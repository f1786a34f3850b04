--- The style sheet of the report: one column, light and dark, narrow windows, print.
local palette = require "lunette.plot.palette"

local function variables(ground, more)
  local out = {}
  for _, role in ipairs(palette.roles) do out[#out + 1] = ("--%s:%s"):format(role, palette[ground][role]) end
  return table.concat(out, ";") .. ";" .. more
end

local light = variables("light", "--soft:#f5f7f9;--tint:#eaf2fa;--warn:#fff4e5;--warn-line:#d98a1f")
local dark = variables("dark", "--soft:#1e2227;--tint:#1b2a38;--warn:#33280f;--warn-line:#c9892f")

return ":root{color-scheme:light dark;" .. light .. "}\n"
  .. "@media (prefers-color-scheme:dark){:root{" .. dark .. "}" .. palette.css("dark") .. "}\n"
  .. "@media print{:root{" .. light .. "}" .. palette.css("light") .. "}\n"
  .. [[
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
main{max-width:1000px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:28px;line-height:1.2;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:20px;margin:44px 0 12px;padding-bottom:6px;border-bottom:1px solid var(--grid)}
h3{font-size:16px;margin:20px 0 8px}
p{margin:8px 0 12px;max-width:76ch}
code,pre{font:0.88em/1.5 ui-monospace,SFMono-Regular,Menlo,'DejaVu Sans Mono',monospace}
code{overflow-wrap:anywhere}
pre{background:var(--soft);padding:12px 14px;border-radius:6px;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
.facts-line,.about,.note,figcaption,caption{color:var(--muted)}
.facts-line{margin:0;overflow-wrap:anywhere}
.note,figcaption,caption{font-size:13.5px}
.state{display:inline-block;padding:1px 10px;border-radius:10px;background:var(--tint);color:var(--text);font-size:14px}
.state.failed,.state.interrupted,.state.incomplete{background:var(--warn)}
.verdict h2{margin-top:20px;border:0;padding:0}
.verdict{background:var(--tint);border-radius:8px;padding:2px 20px 10px;margin-top:22px}
.verdict p{font-size:16.5px;max-width:none;overflow-wrap:anywhere}
.problems{background:var(--warn);border-left:4px solid var(--warn-line);border-radius:4px;padding:2px 20px 6px;margin-top:22px}
.problems h2{margin:10px 0 4px;border:0;padding:0;font-size:17px}
.problems ul{margin:4px 0 10px;padding-left:20px;overflow-wrap:anywhere}
p.missing{border-left:4px solid var(--warn-line);padding:4px 0 4px 12px;color:var(--muted)}
tr.missing td{color:var(--muted)}
.scroll{overflow-x:auto;margin:12px 0}
table{border-collapse:collapse;font-size:14.5px;min-width:min(100%,380px)}
caption{text-align:left;padding:0 0 6px}
th,td{text-align:left;padding:6px 16px 6px 0;border-bottom:1px solid var(--grid);vertical-align:baseline}
th{color:var(--muted);font-weight:500;white-space:nowrap}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td code{white-space:nowrap}
.reading{min-width:150px}
tr.mark td{font-weight:600;background:var(--soft)}
tr.reference td{color:var(--muted);border-bottom:0}
tr.sub td{color:var(--muted);border-bottom-style:dotted}
.interval{display:block;color:var(--muted);font-weight:400;font-size:13px}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:12px 0 18px}
.fact{background:var(--soft);border-radius:8px;padding:8px 14px;max-width:230px}
.fact b{display:block;font-size:19px;font-variant-numeric:tabular-nums}
.fact span{display:block;font-size:13px;line-height:1.35;color:var(--muted)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:18px 28px;align-items:start}
figure{margin:12px 0}
.charts figure{margin:0}
figure svg{display:block;max-width:100%;height:auto}
.picture img{display:block;max-width:100%;height:auto;border-radius:4px;image-rendering:auto}
figcaption{margin-top:6px;max-width:76ch}
details{margin:8px 0}
summary{cursor:pointer;padding:4px 0}
@media (max-width:600px){main{padding:20px 14px 48px}h1{font-size:23px}.verdict,.problems{padding:2px 14px 8px}
table{font-size:13px}th,td{padding-right:9px}.wide{display:none}.interval{font-size:12px}}
@media print{main{max-width:none;padding:0}section,figure,tr{break-inside:avoid}}
]]
