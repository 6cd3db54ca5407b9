// key-stats: --keystats shows memory, length and their distribution over all keys: what --bigkeys and --memkeys tell
// and more, in one pass.
import { setTimeout as sleep } from 'node:timers/promises';
import { quote } from '../../base/quoting.js';
import type { Console } from '../console.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';
import { humanBytes } from '../../base/human-size.js';
import { catchInterrupt } from './interrupt.js';
import { readLengths, readMemory, readTypes, TypeTable, type TypeTotals } from './key-sizes.js';
import { keyText, scanStep } from './scan-keys.js';
import { readDatabaseSize, sendReadOnly } from './server-call.js';
import { SizeDistribution } from './size-distribution.js';

const refreshMs = 300;
const barWidth = 60;
/** Upper ends of the ranges of key name lengths. */
const lengthLimits = [2 ** 5, 2 ** 8, 2 ** 16, 2 ** 20, 2 ** 24, 2 ** 27, 2 ** 29];

interface TopKey {
  readonly size: number;
  readonly type: string;
  readonly name: string;
}

/** Everything that the pass has found so far. */
interface Findings {
  readonly totalKeys: number;
  sampled: number;
  totalSize: number;
  readonly memory: TypeTable;
  readonly lengths: TypeTable;
  readonly top: TopKey[];
  readonly sizes: SizeDistribution;
  readonly nameCounts: number[];
  nameBytes: number;
  longestName: number;
}

export async function runKeyStats(session: Session, options: CliOptions, console: Console): Promise<number> {
  await session.connectOrExit();
  const interrupt = catchInterrupt();
  const findings: Findings = {
    totalKeys: await readDatabaseSize(session),
    sampled: 0,
    totalSize: 0,
    memory: new TypeTable(),
    lengths: new TypeTable(),
    top: [],
    sizes: new SizeDistribution(),
    nameCounts: [...lengthLimits, 0].map(() => 0),
    nameBytes: 0,
    longestName: 0,
  };
  console.write('\n# Scanning the entire keyspace to find the biggest keys and distribution information.\n');
  console.write('# Use -i 0.1 to sleep 0.1 sec per 100 SCAN commands (not usually needed).\n');
  console.write('# Use --cursor <n> to start the scan at the cursor <n> (usually after a Ctrl-C).\n');
  console.write('# Use --top <n> to display <n> top key sizes (default is 10).\n');
  console.write('# Ctrl-C to stop the scan.\n\n');
  await sendReadOnly(session);
  let cursor = options.cursor;
  let loops = 0;
  let shownMs = performance.now();
  do {
    const step = await scanStep(session, cursor);
    cursor = step.cursor;
    await study(session, options, findings, step.keys);
    if (console.formatsForTerminal && performance.now() - shownMs > refreshMs) {
      const lines = renderOverview(findings, options, console);
      printLines(console, lines);
      console.write(`\x1b[${lines.length}A\r`);
      console.flush();
      shownMs = performance.now();
    }
    if (++loops % 100 === 0 && options.intervalMs > 0) await sleep(options.intervalMs);
  } while (cursor !== 0n && !interrupt.asked);
  printLines(console, [
    ...renderOverview(findings, options, console),
    '',
    ...renderSizes(findings),
    '',
    ...renderNameLengths(findings),
    '',
    ...renderTypes(findings),
  ]);
  if (cursor !== 0n) {
    console.write(
      `\nScan interrupted:\nUse 'kvasir-cli --keystats --cursor ${cursor}' to restart from the last cursor.\n`,
    );
  }
  return 0;
}

async function study(
  session: Session,
  options: CliOptions,
  findings: Findings,
  keys: readonly Uint8Array[],
): Promise<void> {
  const names = await readTypes(session, keys);
  const memoryTypes = names.map((name) => (name === undefined ? undefined : findings.memory.get(name)));
  const lengthTypes = names.map((name) => (name === undefined ? undefined : findings.lengths.get(name)));
  const sizes = await readMemory(session, keys, memoryTypes, options.memorySamples);
  const lengths = await readLengths(session, keys, lengthTypes);
  for (let index = 0; index < keys.length; index++) {
    const type = memoryTypes[index];
    const lengthType = lengthTypes[index];
    if (type === undefined || lengthType === undefined) continue;
    const key = keyText(keys[index]!);
    const size = sizes[index]!;
    findings.sampled++;
    findings.totalSize += size;
    findings.sizes.add(size);
    addToTotals(type, size, key);
    addToTotals(lengthType, lengths[index]!, key);
    addToTop(findings.top, { size, type: type.name, name: key }, options.top);
    findings.nameBytes += key.length;
    findings.longestName = Math.max(findings.longestName, key.length);
    const range = lengthLimits.findIndex((limit) => key.length <= limit);
    findings.nameCounts[range < 0 ? lengthLimits.length : range]!++;
  }
}

function addToTotals(totals: TypeTotals, size: number, key: string): void {
  totals.totalSize += size;
  totals.count++;
  if (size <= totals.biggest) return;
  totals.biggest = size;
  totals.biggestKey = key;
}

/** Keeps the list sorted, largest first; a limit of 0 keeps all. */
function addToTop(top: TopKey[], key: TopKey, limit: number): void {
  if (limit !== 0 && top.length === limit && key.size <= top[top.length - 1]!.size) return;
  let low = 0;
  let high = top.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (top[middle]!.size >= key.size) low = middle + 1;
    else high = middle;
  }
  top.splice(low, 0, key);
  if (limit !== 0 && top.length > limit) top.pop();
}

function printLines(console: Console, lines: readonly string[]): void {
  const clear = console.formatsForTerminal ? '\x1b[2K\r' : '';
  for (const line of lines) console.write(`${clear}${line}\n`);
}

function renderOverview(findings: Findings, options: CliOptions, console: Console): string[] {
  const { sampled, totalKeys, memory, lengths, top } = findings;
  const share = totalKeys === 0 ? 0 : Math.min(1, sampled / totalKeys);
  const filled = Math.round(barWidth * share);
  const [green, red, plain] = console.colors ? ['\x1b[32m', '\x1b[31m', '\x1b[39m'] : ['', '', ''];
  const bar = `${green}${'|'.repeat(filled)}${red}${'-'.repeat(barWidth - filled)}${plain}`;
  const lines = [
    `${(share * 100).toFixed(2).padStart(6)}% ${console.formatsForTerminal ? bar : 'keys scanned'}`,
    `Keys sampled: ${sampled}`,
    `Keys size:    ${humanBytes(findings.totalSize)}`,
    '',
    `--- Top ${options.top} key sizes ---`,
  ];
  top.forEach((key, index) => {
    lines.push(
      `${String(index + 1).padStart(3)} ${humanBytes(key.size).padStart(8)} ${key.type.slice(0, 9).padEnd(10)} ${quote(key.name)}`,
    );
  });
  lines.push('', '--- Top size per type ---');
  for (const type of memory.all) {
    if (type.biggestKey !== undefined)
      lines.push(`${type.name.padEnd(10)} ${type.biggestKey} is ${humanBytes(type.biggest)}`);
  }
  lines.push('', '--- Top length and cardinality per type ---');
  for (const type of lengths.all) {
    if (type.biggestKey === undefined) continue;
    const amount = type.unit === 'bytes' ? humanBytes(type.biggest) : `${type.biggest} ${type.unit}`;
    lines.push(`${type.name.padEnd(10)} ${type.biggestKey} has ${amount}`);
  }
  return lines;
}

function renderSizes({ sizes }: Findings): string[] {
  const lines = ['Key size Percentile Total keys', '-------- ---------- -----------'];
  for (const { value, percentile, count } of sizes.percentiles()) {
    lines.push(`${humanBytes(value).padStart(8)} ${percentile.toFixed(4).padStart(9)}% ${String(count).padStart(11)}`);
  }
  lines.push(
    `Note: 0.01% size precision, Mean: ${humanBytes(sizes.mean())}, StdDeviation: ${humanBytes(sizes.deviation())}`,
  );
  return lines;
}

function renderNameLengths({ sampled, nameCounts, nameBytes, longestName }: Findings): string[] {
  const lines = ['Key name length Percentile Total keys', '--------------- ---------- -----------'];
  let keys = 0;
  lengthLimits.forEach((limit, index) => {
    if (nameCounts[index] === 0) return;
    keys += nameCounts[index]!;
    const size = humanBytes(Math.min(limit, longestName)).padStart(15);
    lines.push(`${size} ${((100 * keys) / sampled).toFixed(4).padStart(9)}% ${String(keys).padStart(11)}`);
  });
  if (keys < sampled) lines.push(`${'inf'.padStart(14)} ${'100.0000'.padStart(9)}% ${String(sampled).padStart(11)}`);
  const average = sampled === 0 ? '0' : humanBytes(Math.floor(nameBytes / sampled));
  lines.push(`Total key length is ${humanBytes(nameBytes)} (${average} avg)`);
  return lines;
}

function renderTypes({ sampled, memory, lengths }: Findings): string[] {
  const lines = [
    'Type        Total keys  Keys % Tot size Avg size  Total length/card Avg ln/card',
    '--------- ------------ ------- -------- -------- ------------------ -----------',
  ];
  for (const type of memory.all) {
    if (type.count === 0) continue;
    const length = lengths.get(type.name);
    let total = ' - ';
    let average = ' - ';
    if (length.sizeCommand !== undefined && length.count > 0) {
      const mean = length.totalSize / length.count;
      total = length.unit === 'bytes' ? humanBytes(length.totalSize) : `${length.totalSize} ${length.unit}`;
      average = length.unit === 'bytes' ? humanBytes(Math.round(mean)) : mean.toFixed(2);
    }
    lines.push(
      [
        `${type.name.padEnd(10)} ${String(type.count).padStart(11)}`,
        `${((100 * type.count) / sampled).toFixed(2).padStart(6)}%`,
        humanBytes(type.totalSize).padStart(8),
        humanBytes(Math.floor(type.totalSize / type.count)).padStart(8),
        total.padStart(18),
        average.padStart(11),
      ].join(' '),
    );
  }
  return lines;
}
