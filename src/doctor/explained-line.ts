// explained-line: what is said of one line of a config file.

export interface Explained {
  readonly verdict: 'ok' | 'warning' | 'error';
  /** The line's effect, or the reason why it has none. */
  readonly meaning: string;
  /** The line in a current file; undefined when there is none. */
  readonly now: string | undefined;
}

export interface ExplainedLine extends Explained {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}
