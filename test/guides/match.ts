// match: whether a program printed what a page shows, apart from what differs from run to run.
//
// - A line `...` stands for any lines, and `...` within a line for any text of it.
// - A node id (40 hexadecimal digits) stands for one id: the first one that it meets, in the whole guide. So commands of the page that
//   name it work, and a page cannot mix up two nodes.
// - Dates, milliseconds since 1970, durations, and the process id before a log line stand for any other.
// - Runs of blanks are one blank: columns are as wide as port numbers.

/** Id on the page -> id of the run. */
export type Bindings = ReadonlyMap<string, string>;

const unstable: readonly (readonly [RegExp, string])[] = [
  [/^\d+:[MSCXP] /, '\\d+:[MSCXP] '],
  [/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?/, '\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z?'],
  [/^\d{8}T\d{6}Z/, '\\d{8}T\\d{6}Z'],
  [/^\d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3}/, '\\d\\d? [A-Z][a-z]{2} \\d{4} \\d\\d:\\d\\d:\\d\\d\\.\\d{3}'],
  [/^\b1\d{12}\b/, '1\\d{12}'],
  [/^\b\d+(?:\.\d+)? (?:ms|milliseconds|seconds?)\b/, '\\d+(?:\\.\\d+)? (?:ms|milliseconds|seconds?)'],
];
const idPattern = /^\b[0-9a-f]{40}\b/;
const shortIdPattern = /^\b[0-9a-f]{8}\.\.\./;

export function cleanLines(text: string): string[] {
  const plain = text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '').replaceAll('\r', '');
  const lines = plain.split('\n').map((line) => line.replace(/[ \t]+/g, ' ').trimEnd());
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

interface LinePattern {
  readonly pattern: RegExp;
  /** The ids of the page that the groups stand for. */
  readonly ids: readonly string[];
}

const patterns = new Map<string, LinePattern>();

function patternOf(line: string): LinePattern {
  const known = patterns.get(line);
  if (known !== undefined) return known;
  const ids: string[] = [];
  let source = '';
  for (let at = 0; at < line.length;) {
    const rest = line.slice(at);
    const isWordStart = at === 0 || !/\w/.test(line[at - 1]!);
    const id = isWordStart ? idPattern.exec(rest)?.[0] : undefined;
    const shortId = isWordStart ? shortIdPattern.exec(rest)?.[0] : undefined;
    const found = unstable.find(
      ([pattern]) => isWordStart && pattern.test(rest) && (at === 0 || !pattern.source.startsWith('^\\d+:')),
    );
    if (id !== undefined) {
      ids.push(id);
      source += '([0-9a-f]{40})';
      at += id.length;
    } else if (shortId !== undefined) {
      source += '[0-9a-f]{8}\\.\\.\\.';
      at += shortId.length;
    } else if (rest.startsWith('...')) {
      source += '.*?';
      at += 3;
    } else if (found !== undefined) {
      source += found[1];
      at += found[0].exec(rest)![0].length;
    } else {
      source += line[at]!.replace(/[.*+?^${}()|[\]\\]/, '\\$&');
      at++;
    }
  }
  const pattern = { pattern: new RegExp(`^${source}$`), ids };
  patterns.set(line, pattern);
  return pattern;
}

function matchLine(expected: string, actual: string, bindings: Bindings): Bindings | undefined {
  const { pattern, ids } = patternOf(expected);
  const found = pattern.exec(actual);
  if (found === null) return undefined;
  let next: Map<string, string> | undefined;
  for (let index = 0; index < ids.length; index++) {
    const onPage = ids[index]!;
    const real = found[index + 1]!;
    const known = (next ?? bindings).get(onPage);
    if (known === real) continue;
    if (known !== undefined || [...(next ?? bindings).values()].includes(real)) return undefined;
    next ??= new Map(bindings);
    next.set(onPage, real);
  }
  return next ?? bindings;
}

/** The bindings after a match; undefined when the lines are not those of the page. */
export function matchInOrder(
  expected: readonly string[],
  actual: readonly string[],
  bindings: Bindings,
): Bindings | undefined {
  const dead = new Set<string>();
  const go = (i: number, j: number, known: Bindings): Bindings | undefined => {
    if (i === expected.length) return j === actual.length ? known : undefined;
    const state = `${i},${j},${known.size}`;
    if (dead.has(state)) return undefined;
    if (expected[i] === '...') {
      for (let skipped = j; skipped <= actual.length; skipped++) {
        const found = go(i + 1, skipped, known);
        if (found !== undefined) return found;
      }
    } else if (j < actual.length) {
      const next = matchLine(expected[i]!, actual[j]!, known);
      const found = next === undefined ? undefined : go(i + 1, j + 1, next);
      if (found !== undefined) return found;
    }
    dead.add(state);
    return undefined;
  };
  return go(0, 0, bindings);
}

/** The same for lines that come in any order; with a line `...` there may be others among them. */
export function matchInAnyOrder(
  expected: readonly string[],
  actual: readonly string[],
  bindings: Bindings,
): Bindings | undefined {
  const named = expected.filter((line) => line !== '...');
  if (named.length === expected.length ? named.length !== actual.length : named.length > actual.length)
    return undefined;
  const used = new Array<boolean>(actual.length).fill(false);
  let stepsLeft = 100_000;
  const go = (i: number, known: Bindings): Bindings | undefined => {
    if (i === named.length) return known;
    const tried = new Set<string>();
    for (let j = 0; j < actual.length && stepsLeft-- > 0; j++) {
      if (used[j] || tried.has(actual[j]!)) continue;
      tried.add(actual[j]!);
      const next = matchLine(named[i]!, actual[j]!, known);
      if (next === undefined) continue;
      used[j] = true;
      const found = go(i + 1, next);
      if (found !== undefined) return found;
      used[j] = false;
    }
    return undefined;
  };
  return go(0, bindings);
}
