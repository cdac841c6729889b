// The look of the page: quiet, one column, nothing from elsewhere. Dark where the reader's system is.

const light =
  '--bg:#fff;--panel:#f6f8fa;--ink:#1c2128;--quiet:#59636e;--rule:#d8dee4;--pass:#116329;--fail:#b3261e;--unknown:#7d5200;--link:#1f5fbf'
const dark =
  '--bg:#15181d;--panel:#1d2127;--ink:#e6e9ed;--quiet:#a3adb8;--rule:#333a42;--pass:#5fd08f;--fail:#ff8f85;--unknown:#f0b84f;--link:#7ab0ff'

export const pageCss = `:root{color-scheme:light dark;${light}}
@media(prefers-color-scheme:dark){:root{${dark}}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;-webkit-text-size-adjust:100%}
main,header,footer{max-width:64rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:2.5rem}
h1{font-size:1.75rem;line-height:1.2;margin:.4rem 0 .3rem;font-weight:650;overflow-wrap:anywhere}
h2{font-size:1.05rem;font-weight:650;margin:2.75rem 0 .75rem}
h2,h3,summary,p{overflow-wrap:anywhere}
p{margin:.4rem 0}
.quiet{color:var(--quiet)}.small{font-size:.875rem}
.badge{display:inline-block;border:1.5px solid currentColor;border-radius:.4rem;padding:.1rem .6rem;font-weight:650;letter-spacing:.02em;text-transform:uppercase;font-size:.85rem}
.pass{color:var(--pass)}.fail,.error{color:var(--fail)}.unknown{color:var(--unknown)}.not_applicable{color:var(--quiet)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:1px;margin:1.75rem 0 0;padding:0;background:var(--rule);border:1px solid var(--rule);border-radius:.5rem;overflow:hidden}
.tiles div{background:var(--bg);padding:.75rem .9rem;display:flex;flex-direction:column;justify-content:space-between;gap:.25rem}
.tiles dt{color:var(--quiet);font-size:.8125rem;line-height:1.3}
.tiles dd{margin:0;font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums;white-space:nowrap}
.failure{border-left:4px solid var(--fail);background:var(--panel);padding:.9rem 1.1rem;margin-top:1.75rem;border-radius:0 .4rem .4rem 0}
.failure h2{margin:0 0 .3rem}
pre{margin:.4rem 0;white-space:pre-wrap;overflow-wrap:anywhere;font:.85rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.45rem .75rem .45rem 0;border-bottom:1px solid var(--rule);vertical-align:top;overflow-wrap:anywhere}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--quiet);font-weight:500;font-size:.8125rem}
tbody th{font-weight:500}
.num{text-align:right;white-space:nowrap}
.verdict{padding-left:1rem;width:9.5rem;overflow-wrap:normal}
td.verdict{font-weight:600}
.gate th,.gate td{border-bottom:0;padding-bottom:0}
.evidence td{color:var(--quiet);font-size:.875rem;padding-top:.1rem}
caption{text-align:left;padding:.5rem 0}
.mine th,.mine td{background:var(--panel);font-weight:650}
.beside th:first-child{padding-left:.6rem}.beside tr>:last-child{padding-right:.6rem}
.beside .mine th:first-child{box-shadow:inset 3px 0 var(--link)}
td small,th small{display:block;color:var(--quiet);font-weight:400}
.scroll{overflow-x:auto}
figure{margin:0 0 .75rem}
.panels h3{font-size:.875rem;font-weight:600;margin:.9rem 0 .1rem}
.panels figure{margin:0}
.evidences{margin:.5rem 0}.evidences td:first-child{width:7rem;padding-right:1rem}
.evidences td{font-size:.875rem;color:var(--quiet)}.evidences .cause{color:var(--ink)}
figcaption{color:var(--quiet);font-size:.875rem;margin-top:.35rem}
svg{display:block;width:100%;height:auto}
.narrow{display:none}
.notes{padding-left:1.1rem;margin:.4rem 0}
.notes li{margin:.25rem 0;overflow-wrap:anywhere}
details{margin-top:1rem}
summary{cursor:pointer;font-weight:550}
summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
dl.facts{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.3rem 1.25rem;margin:.5rem 0}
dl.facts dt{color:var(--quiet)}
dl.facts dd{margin:0;overflow-wrap:anywhere}
footer{color:var(--quiet);font-size:.8125rem;margin-top:3rem;padding-bottom:3rem;overflow-wrap:anywhere}
@media(max-width:40rem){
main,header,footer{padding-left:1rem;padding-right:1rem}
header{padding-top:1.5rem}
h1{font-size:1.4rem}
.wide{display:none}.narrow{display:block}
.optional{display:none}
th,td{padding-right:.5rem}
.gates thead{display:none}
.gates tbody,.evidence,.evidence td{display:block}
.gate{display:grid;grid-template-columns:auto 1fr auto}
.gate th{grid-area:1/1/2/3}
.gate td.num{grid-row:2;text-align:left;padding:.1rem .75rem .1rem 0}
.gate td.verdict{grid-area:1/3;width:auto;text-align:right}
.tiles{grid-template-columns:1fr 1fr}
dl.facts{grid-template-columns:1fr}
dl.facts dd{margin-bottom:.35rem}
}
@media print{.scroll{overflow:visible}h2{break-after:avoid}figure,tr{break-inside:avoid}}`
