// charts: reports of simulated scenes as text for a terminal, and as a page with drawings that needs nothing else.

import type { Slice } from './measurements.js';
import type { SceneReport } from './simulate.js';

const HEIGHT = 8;
const blocks = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

interface Figure {
  readonly title: string;
  readonly of: (slice: Slice) => number;
}

const figures: readonly Figure[] = [
  { title: 'queries a second at the database', of: ({ queries }) => queries },
  { title: 'ms below which 95 of 100 requests stay', of: ({ p95Ms }) => p95Ms },
];

/** Charts of one report, side by side: without protections and with them, to the same scale. */
export function textChart(report: SceneReport): string {
  const lines = [`${report.scene}: ${report.text}`, `The database bears ${report.capacity} queries a second.`, ''];
  for (const { title, of } of figures) {
    const [without, withAll] = [report.without.map(of), report.with.map(of)];
    const most = Math.max(1, ...without, ...withAll);
    const label = String(most).length;
    const left = bars(without, most);
    const right = bars(withAll, most);
    lines.push(`${title} (the top is ${most})`);
    for (let row = 0; row < HEIGHT; row++) {
      const mark = row === 0 ? String(most) : row === HEIGHT - 1 ? '0' : '';
      lines.push(`${mark.padStart(label)} |${left[row]!}|  |${right[row]!}|`);
    }
    lines.push(`${' '.repeat(label + 2)}${'without'.padEnd(without.length + 4)}with protections`, '');
  }
  const errors = (slices: readonly Slice[]): number =>
    Math.round(slices.reduce((sum, slice) => sum + (slice.errors * report.sliceMs) / 1000, 0));
  lines.push(`failed requests: ${errors(report.without)} without, ${errors(report.with)} with protections`, '');
  return lines.join('\n');
}

/** Rows from the top, one character for each slice. */
function bars(values: readonly number[], most: number): string[] {
  return Array.from({ length: HEIGHT }, (_, row) =>
    values
      .map((value) => {
        const eighths = Math.ceil((value / most) * HEIGHT * 8) - (HEIGHT - 1 - row) * 8;
        return blocks[Math.max(0, Math.min(8, eighths))]!;
      })
      .join(''),
  );
}

const WIDTH_PX = 640;
const HEIGHT_PX = 160;

/** A page with all reports. */
export function htmlCharts(reports: readonly SceneReport[]): string {
  const parts = reports.map((report) => {
    const drawings = figures.map((figure) => drawing(report, figure)).join('\n');
    return `<section><h2>${escapeHtml(report.scene)}</h2><p>${escapeHtml(report.text)} The database bears ${report.capacity} queries a second.</p>\n${drawings}</section>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Failures of caches</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 720px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff; }
svg { width: 100%; height: auto; background: #f7f7f7; border-radius: 4px; }
polyline { fill: none; stroke-width: 2; }
.without { stroke: #c0392b; } .with { stroke: #1a7f4b; } .capacity { stroke: #888; stroke-dasharray: 4 4; }
.legend b { font-weight: 600; } text { font-size: 11px; fill: #555; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818; } svg { background: #242424; } text { fill: #aaa; } }
</style></head><body>
<h1>Failures of caches</h1>
<p class="legend"><b style="color:#c0392b">red</b>: without protections, <b style="color:#1a7f4b">green</b>: with them, dashed: what the database bears.</p>
${parts.join('\n')}
</body></html>
`;
}

function drawing(report: SceneReport, { title, of }: Figure): string {
  const [without, withAll] = [report.without.map(of), report.with.map(of)];
  const most = Math.max(1, ...without, ...withAll);
  const x = (index: number): string => ((index / Math.max(1, without.length - 1)) * WIDTH_PX).toFixed(1);
  const y = (value: number): string => (HEIGHT_PX - (value / most) * (HEIGHT_PX - 14)).toFixed(1);
  const line = (kind: string, values: readonly number[]): string =>
    `<polyline class="${kind}" points="${values.map((value, index) => `${x(index)},${y(value)}`).join(' ')}"/>`;
  const hasCapacity = title.startsWith('queries') && report.capacity <= most;
  const capacity = hasCapacity
    ? `<line class="capacity" x1="0" x2="${WIDTH_PX}" y1="${y(report.capacity)}" y2="${y(report.capacity)}"/>`
    : '';
  const seconds = (report.without.length * report.sliceMs) / 1000;
  return `<h3>${escapeHtml(title)}</h3>
<svg viewBox="0 0 ${WIDTH_PX} ${HEIGHT_PX + 16}" role="img" aria-label="${escapeHtml(`${report.scene}: ${title}, at most ${Math.max(...without)} without and ${Math.max(...withAll)} with protections`)}">
${capacity}${line('without', without)}${line('with', withAll)}
<text x="4" y="12">${most}</text><text x="4" y="${HEIGHT_PX + 13}">0 s</text><text x="${WIDTH_PX - 4}" y="${HEIGHT_PX + 13}" text-anchor="end">${seconds} s</text>
</svg>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
