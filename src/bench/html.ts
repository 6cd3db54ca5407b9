// html: the results as one page that needs nothing else: drawings are inline SVG, a few lines of script show values.
import { latencySummary, requestsPerSecond } from './report.js';
import type { Options } from './options.js';
import type { Sample, TestResult } from './test-result.js';
import { joinSamples } from './chart.js';

const width = 720;
const height = 220;
const left = 64;
const right = 12;
const top = 12;
const bottom = 28;
const pointsMax = 600;

interface Line {
  name: string;
  colour: string;
  points: { x: number; y: number; label: string }[];
}

export function renderPage(results: readonly TestResult[], options: Options): string {
  const server = options.socketPath ?? `${options.host}:${options.port}`;
  const load = options.rate > 0 ? `open loop at ${options.rate} requests per second` : 'closed loop';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>kvasir-benchmark ${escape(server)}</title><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:${width + 40}px;margin:2em auto;padding:0 20px;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}td,th{padding:3px 8px;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}h2{margin-top:2em}svg{width:100%;height:auto;font:11px system-ui,sans-serif}
figcaption{color:#555}figure{margin:1em 0}#tip{position:fixed;display:none;background:#222;color:#fff;padding:2px 8px;border-radius:3px;pointer-events:none}
@media (prefers-color-scheme:dark){body{background:#161616;color:#ddd}td,th{border-color:#444}figcaption{color:#aaa}svg text{fill:#ccc}}
</style></head><body>
<h1>Benchmark of ${escape(server)}</h1>
<p>${new Date().toISOString().slice(0, 19).replace('T', ' ')} UTC; ${options.requests} requests a test, ${options.clients} connections,
pipeline ${options.pipeline}, ${load}. Latencies in milliseconds.</p>
${summaryTable(results)}
${results.map(section).join('\n')}
<div id="tip"></div>
<script>
const tip = document.getElementById('tip');
document.addEventListener('mousemove', (event) => {
  const label = event.target.getAttribute && event.target.getAttribute('data-label');
  tip.style.display = label ? 'block' : 'none';
  if (!label) return;
  tip.textContent = label;
  tip.style.left = event.clientX + 12 + 'px';
  tip.style.top = event.clientY + 12 + 'px';
});
</script>
</body></html>
`;
}

function summaryTable(results: readonly TestResult[]): string {
  const rows = results.map((result) => {
    const cells = [requestsPerSecond(result).toFixed(0), ...latencySummary(result).map((ms) => ms.toFixed(3))];
    return `<tr><td>${escape(result.title)}</td>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const heads = ['test', 'requests/s', 'avg', 'min', 'p50', 'p95', 'p99', 'max']
    .map((name) => `<th>${name}</th>`)
    .join('');
  return `<table><tr>${heads}</tr>\n${rows.join('\n')}\n</table>`;
}

function section(result: TestResult): string {
  const samples = joinSamples(result.samples, pointsMax);
  const over = (name: string, colour: string, pick: (sample: Sample) => number, unit: string): Line => ({
    name,
    colour,
    points: samples.map((sample) => ({
      x: sample.endMs / 1000,
      y: pick(sample),
      label: `${(sample.endMs / 1000).toFixed(1)} s: ${name} ${pick(sample).toFixed(unit === 'ms' ? 3 : 0)} ${unit}`,
    })),
  });
  const latency = [
    over('max', '#c0392b', (sample) => sample.maxMs, 'ms'),
    over('p99', '#d68910', (sample) => sample.p99Ms, 'ms'),
    over('p50', '#2471a3', (sample) => sample.p50Ms, 'ms'),
  ];
  const rate = [over('rate', '#1e8449', (sample) => sample.requestsPerSecond, 'requests/s')];
  // The tail gets room: the x axis counts the nines.
  const steps = result.histogram.percentileSteps().filter(({ percentile }) => percentile < 100);
  const tail: Line = {
    name: 'latency',
    colour: '#7d3c98',
    points: steps.map(({ percentile, value }) => ({
      x: -Math.log10(1 - percentile / 100),
      y: value / 1000,
      label: `${percentile.toFixed(3)} % <= ${(value / 1000).toFixed(3)} ms`,
    })),
  };
  return `<h2>${escape(result.title)}</h2>
${figure('Latency over time (ms, logarithmic; x: seconds)', latency, true, (x) => `${x.toFixed(1)}`)}
${figure('Requests per second over time (x: seconds)', rate, false, (x) => `${x.toFixed(1)}`)}
${figure('Latency by percentile (ms, logarithmic)', [tail], true, (x) => `${(100 * (1 - 10 ** -x)).toFixed(x > 2 ? 3 : 1)}%`)}`;
}

function figure(caption: string, lines: Line[], isLogarithmic: boolean, nameX: (x: number) => string): string {
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0)
    return `<figure><figcaption>${caption}: the test was too short to tell</figcaption></figure>`;
  const scale = (y: number): number => (isLogarithmic ? Math.log10(Math.max(y, 0.001)) : y);
  const unscale = (y: number): number => (isLogarithmic ? 10 ** y : y);
  const highX = Math.max(...points.map(({ x }) => x), 1e-9);
  const lowX = Math.min(0, ...points.map(({ x }) => x));
  const ys = points.map(({ y }) => scale(y));
  const lowY = isLogarithmic ? Math.min(...ys) : 0;
  const highY = Math.max(...ys, lowY + 0.1);
  const toX = (x: number): number => left + ((x - lowX) / (highX - lowX)) * (width - left - right);
  const toY = (y: number): number => height - bottom - ((scale(y) - lowY) / (highY - lowY)) * (height - top - bottom);
  const marks: string[] = [];
  for (let step = 0; step <= 4; step++) {
    const y = unscale(lowY + ((highY - lowY) * step) / 4);
    const x = lowX + ((highX - lowX) * step) / 4;
    const pixelY = toY(y).toFixed(1);
    marks.push(`<line x1="${left}" x2="${width - right}" y1="${pixelY}" y2="${pixelY}" stroke="#8884"/>`);
    marks.push(
      `<text x="${left - 6}" y="${pixelY}" text-anchor="end" dominant-baseline="middle">${formatTick(y)}</text>`,
    );
    marks.push(`<text x="${toX(x).toFixed(1)}" y="${height - 8}" text-anchor="middle">${nameX(x)}</text>`);
  }
  const drawn = lines.map(({ name, colour, points: own }, index) => {
    const path = own.map(({ x, y }) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`).join(' ');
    const dots = own.map(({ x, y, label }) => {
      const at = `cx="${toX(x).toFixed(1)}" cy="${toY(y).toFixed(1)}"`;
      return `<circle ${at} r="5" fill="transparent" data-label="${escape(label)}"/>`;
    });
    const legend =
      lines.length > 1 ? `<text x="${left + 8 + index * 60}" y="${top + 4}" fill="${colour}">${name}</text>` : '';
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>${dots.join('')}${legend}`;
  });
  return `<figure><svg viewBox="0 0 ${width} ${height}" role="img">${marks.join('')}${drawn.join('')}</svg><figcaption>${caption}</figcaption></figure>`;
}

function formatTick(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1000) return `${(value / 1000).toFixed(0)}k`;
  return value >= 10 ? value.toFixed(0) : value.toFixed(value >= 1 ? 1 : 3);
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
