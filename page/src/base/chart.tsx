// chart: curves over time, by uPlot, which is loaded when the first chart is shown.
import { useEffect, useRef } from 'preact/hooks';
import { bytes, region } from './format.js';
import { t } from './i18n.js';

export interface Curve {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

/** Seconds since 1970. */
interface Range {
  readonly min: number;
  readonly max: number;
}

interface Plot {
  readonly select: { readonly left: number; readonly width: number };
  posToVal(position: number, scale: string): number;
  setScale(scale: string, range: Range): void;
  /** `resetsScales` false leaves the redrawing to setScale. */
  setData(data: (number | null)[][], resetsScales?: boolean): void;
  setSize(size: { width: number; height: number }): void;
  destroy(): void;
}

const colorNames = ['--accent', '--c-hash', '--c-set', '--c-zset', '--c-string', '--c-stream'];
const chartHeight = 160;
const spanSecondsMin = 60;
/** Room for 12:00:00 PM. */
const tickWidth = 90;
/** Half of that, for the last tick, may lie beside the plot. */
const rightPadding = 34;
/** Between ticks of bytes: 512 KB and 1 MB are rounder than 500,000. */
const byteSteps = Array.from({ length: 50 }, (_, power) => 2 ** power);

export function Chart({
  times,
  curves,
  show,
  least = 1,
  marks = [],
}: {
  times: readonly number[];
  curves: readonly Curve[];
  show: (value: number) => string;
  least?: number;
  marks?: readonly { atMs: number; text: string }[];
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | undefined>(undefined);
  const data = useRef<(number | null)[][]>([]);
  data.current = dataOf(times, curves);
  const drawnMarks = useRef(marks);
  drawnMarks.current = marks;
  /** Kept while new data comes in, until somebody zooms out. */
  const zoom = useRef<Range | undefined>(undefined);
  const names = curves.map(({ label }) => label).join('\n');
  const markNames = marks.map(({ atMs, text }) => `${atMs} ${text}`).join('\n');
  useEffect(() => {
    let isGone = false;
    const make = async (): Promise<void> => {
      const { default: UPlot } = await import('uplot');
      if (isGone || place.current === null) return;
      plot.current?.destroy();
      const style = getComputedStyle(document.documentElement);
      const color = (name: string): string => style.getPropertyValue(name).trim();
      const axis = {
        stroke: color('--muted'),
        grid: { stroke: color('--line'), width: 1 },
        ticks: { stroke: color('--line'), width: 1 },
        font: '11px system-ui',
      };
      const format = new Intl.DateTimeFormat(region(), { hour: '2-digit', minute: '2-digit', second: '2-digit' });
      plot.current = new UPlot(
        {
          width: place.current.clientWidth,
          height: chartHeight,
          padding: [null, rightPadding, null, null],
          legend: { show: curves.length > 1 },
          cursor: { drag: { x: true, y: false } },
          scales: {
            // Two points in the same second are no reason to show years.
            x: {
              range: (_self: unknown, min: number | null, max: number | null) => [
                Math.min(min ?? 0, (max ?? spanSecondsMin) - spanSecondsMin),
                max ?? spanSecondsMin,
              ],
            },
            y: {
              range: (_self: unknown, min: number | null, max: number | null) => [
                Math.min(0, min ?? 0),
                Math.max((max ?? 0) * 1.1, least),
              ],
            },
          },
          axes: [
            { ...axis, space: tickWidth, values: timeTicks },
            {
              ...axis,
              size: 74,
              values: (_self: unknown, ticks: number[]) => ticks.map(show),
              ...(show === bytes ? { incrs: byteSteps } : {}),
            },
          ],
          series: [
            {
              label: t('Time'),
              value: (_self: unknown, seconds: number | null) =>
                seconds === null ? '–' : format.format(seconds * 1000),
            },
            ...curves.map(({ label }, index) => ({
              label,
              stroke: color(colorNames[index % colorNames.length]!),
              width: 1.6,
              fill: curves.length === 1 ? `color-mix(in srgb, ${color(colorNames[0]!)} 12%, transparent)` : undefined,
              points: { show: false },
              value: (_self: unknown, value: number | null) => shownValue(value, show),
            })),
          ],
          hooks: {
            draw: [(self: DrawnPlot) => drawMarks(self, drawnMarks.current, color('--warn'))],
            setSelect: [
              (self: Plot) => {
                const { left, width } = self.select;
                if (width > 0) zoom.current = { min: self.posToVal(left, 'x'), max: self.posToVal(left + width, 'x') };
              },
            ],
          },
        } as never,
        data.current as never,
        place.current,
      ) as unknown as Plot;
      if (zoom.current !== undefined) plot.current.setScale('x', zoom.current);
    };
    void make();
    const resized = new ResizeObserver(([entry]) =>
      plot.current?.setSize({ width: entry!.contentRect.width, height: chartHeight }),
    );
    if (place.current !== null) resized.observe(place.current);
    const redraw = (): void => void make();
    addEventListener('themechange', redraw);
    return () => {
      isGone = true;
      resized.disconnect();
      removeEventListener('themechange', redraw);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [names]);
  useEffect(() => {
    plot.current?.setData(data.current, zoom.current === undefined);
    if (zoom.current !== undefined) plot.current?.setScale('x', zoom.current);
  }, [times, curves, markNames]);
  return (
    <div
      ref={place}
      class="chart"
      role="img"
      onDblClick={() => (zoom.current = undefined)}
      aria-label={curves.map(({ label, values }) => `${label}: ${shownValue(values.at(-1), show)}`).join(', ')}
    />
  );
}

/** A sample may lack a figure: a sentinel has no memory to be fragmented. */
function shownValue(value: number | null | undefined, show: (value: number) => string): string {
  return typeof value === 'number' && Number.isFinite(value) ? show(value) : '–';
}

/** The texts of the ticks of time, as short as the distance between them allows; the day where it begins. */
function timeTicks(_self: unknown, ticks: readonly number[]): string[] {
  const step = ticks.length > 1 ? ticks[1]! - ticks[0]! : 1;
  const options: Intl.DateTimeFormatOptions =
    step >= 86_400
      ? { month: 'short', day: 'numeric' }
      : { hour: '2-digit', minute: '2-digit', ...(step < 60 ? { second: '2-digit' } : {}) };
  const format = new Intl.DateTimeFormat(region(), options);
  const day = new Intl.DateTimeFormat(region(), { month: 'short', day: 'numeric' });
  let before = '';
  return ticks.map((seconds) => {
    const ms = seconds * 1000;
    const today = day.format(ms);
    const isNew = step < 86_400 && before !== '' && today !== before;
    before = today;
    return isNew ? `${format.format(ms)}\n${today}` : format.format(ms);
  });
}

/** uPlot shows years around a single point: it gets one without a value before it. */
function dataOf(times: readonly number[], curves: readonly Curve[]): (number | null)[][] {
  const lead = times.length === 1 ? [times[0]! / 1000 - spanSecondsMin] : [];
  return [
    [...lead, ...times.map((ms) => ms / 1000)],
    ...curves.map(({ values }) => [
      ...lead.map(() => null),
      ...values.map((value) => (Number.isFinite(value ?? NaN) ? value : null)),
    ]),
  ];
}

interface DrawnPlot {
  readonly ctx: CanvasRenderingContext2D;
  readonly bbox: { top: number; left: number; width: number; height: number };
  valToPos(value: number, scale: string, canvas: boolean): number;
}

function drawMarks(self: DrawnPlot, marks: readonly { atMs: number; text: string }[], color: string): void {
  const { ctx, bbox } = self;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.setLineDash([4, 3]);
  for (const { atMs, text } of marks) {
    const x = self.valToPos(atMs / 1000, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(text, x + 3, bbox.top + 10);
  }
  ctx.restore();
}
