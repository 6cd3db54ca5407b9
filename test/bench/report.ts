// report: what a comparison prints and writes: lines of the log, figures against goals, sections of docs/benchmarks.md.

/** A part of docs/benchmarks.md: a table, what measured it, and what it says. */
export interface Section {
  title: string;
  /** The command that measures it again. */
  command: string;
  lines: string[];
}

export function log(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A figure, bold where it misses its goal. */
export function marked(figure: number, goal: number, goalIs: 'least' | 'most', digits = 2): string {
  const isMissed = goalIs === 'least' ? !(figure >= goal) : !(figure <= goal);
  return isMissed ? `**${figure.toFixed(digits)}**` : figure.toFixed(digits);
}
