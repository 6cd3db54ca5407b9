// line-source: where the prompt reads its commands from: a terminal with an editor, or a stream of lines.
import type { CommandHints } from './hints/command-docs.js';
import type { Preferences } from './preferences.js';

/** Lines are texts of one character per byte, as typed and as the history keeps them. */
export interface LineSource {
  read(): Promise<string | undefined>;
  remember(line: string, secret: boolean): void;
  readonly preferences: Preferences;
  readonly hints: CommandHints | undefined;
  clearScreen(): void;
  close(): void;
}
