// terminal: what the manager needs of the place where a person or a script talks to it.

export interface ManagerTerminal {
  /** Standard output, as text. */
  print(text: string): void;
  /** Standard output, one character per byte. */
  printBytes(text: string): void;
  /** Standard error. */
  complain(text: string): void;
  flush(): void;
  /** The next line of standard input without its end; undefined when there is none any more. */
  readLine(): Promise<string | undefined>;
  /** Colours may be used. */
  readonly colors: boolean;
  /** A person watches: what goes on may be drawn and redrawn. */
  readonly isWatched: boolean;
}
