// slowest-files: a reporter of node:test that lists the files whose tests took longest, so that a suite that grows slow shows where.
const SHOWN = 25;
const SHOWN_FROM_MS = 5000;

export async function* slowestFiles(events) {
  const taken = new Map();
  for await (const { type, data } of events) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.nesting !== 0 || data.file === undefined) continue;
    taken.set(data.file, (taken.get(data.file) ?? 0) + data.details.duration_ms);
  }
  const slowest = [...taken].filter(([, ms]) => ms >= SHOWN_FROM_MS).sort(([, one], [, other]) => other - one);
  if (slowest.length === 0) return;
  yield 'slowest files, seconds of their tests:\n';
  for (const [file, ms] of slowest.slice(0, SHOWN))
    yield `${(ms / 1000).toFixed(0).padStart(6)}  ${file.replace(/^.*\/dist\//, '')}\n`;
}
