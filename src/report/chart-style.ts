// The look of charts, in a page or alone: colours that can be told apart by most eyes and on both grounds (contrast of
// at least 4.5 to the ground), and dashes beside them for the rest.

const light = `--ground:#fff;--ink:#1c2128;--quiet:#59636e;--rule:#e3e7ec;--axis:#8c96a1;--c0:#1f5fbf;--c1:#b8500a;--c2:#17703f;--c3:#7a3fb0;--c4:#59636e;--band:#f3e3c3;--breach:#b3261e`
const dark = `--ground:#15181d;--ink:#e6e9ed;--quiet:#a3adb8;--rule:#2b3138;--axis:#6b7580;--c0:#7ab0ff;--c1:#ffab66;--c2:#5fd08f;--c3:#c99bff;--c4:#a3adb8;--band:#4a3b1c;--breach:#ff8f85`

const series = ['', '', '6 3', '2 3', '9 3 2 3']
  .map(
    (dashes, index) =>
      `.nslab-chart .s${index} .line{stroke:var(--c${index})${dashes ? `;stroke-dasharray:${dashes}` : ''}}` +
      `.nslab-chart .s${index} .dot{fill:var(--c${index})}`,
  )
  .join('')

/**
 * Classes of the charts' parts; variables are set on the chart itself, so it looks the same inside a page and alone.
 */
export const chartCss = [
  `.nslab-chart{${light};font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}`,
  `@media(prefers-color-scheme:dark){.nslab-chart{${dark}}}`,
  '.nslab-chart .ground{fill:var(--ground)}.nslab-chart text{fill:var(--ink)}',
  '.nslab-chart .title{font-size:15px;font-weight:600}.nslab-chart .tick,.nslab-chart .label,.nslab-chart .empty,.nslab-chart .mark-label{fill:var(--quiet)}',
  '.nslab-chart .grid{stroke:var(--rule)}.nslab-chart .axis{stroke:var(--axis)}.nslab-chart .mark{stroke:var(--quiet);stroke-dasharray:2 3}',
  '.nslab-chart .line{fill:none;stroke-width:2;stroke-linejoin:round}.nslab-chart .dot{stroke:var(--ground);stroke-width:1}',
  '.nslab-chart .band{fill:var(--band)}.nslab-chart .breach{stroke:var(--breach);stroke-width:1.5}',
  '.nslab-chart .bar{fill:var(--c4)}.nslab-chart .bar.strong{fill:var(--c0)}',
  series,
].join('\n')
