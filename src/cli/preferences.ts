// preferences: ":set hints" and the like, typed at the prompt or read from ~/.redisclirc.
import { readFileSync } from 'node:fs';
import { splitWords } from '../base/quoting.js';
import type { Console } from './console.js';
import { dotfilePath } from './dotfile.js';

export interface Preferences {
  hints: boolean;
  pager: boolean;
}

export function setPreference(
  preferences: Preferences,
  words: readonly string[],
  console: Console,
  fromFile: boolean,
): void {
  const source = fromFile ? '.redisclirc: ' : '';
  const [command = '', name] = words;
  if (command.toLowerCase() !== ':set' || name === undefined) {
    console.write(`${source}unknown kvasir-cli internal command '${command}'\n`);
    return;
  }
  switch (name.toLowerCase()) {
    case 'hints':
    case 'nohints':
      preferences.hints = name.toLowerCase() === 'hints';
      return;
    case 'pager':
    case 'nopager':
      preferences.pager = name.toLowerCase() === 'pager';
      return;
    default:
      console.write(`${source}unknown kvasir-cli preference '${name}'\n`);
  }
}

export function loadPreferences(preferences: Preferences, console: Console): void {
  const file = dotfilePath('REDISCLI_RCFILE', '.redisclirc');
  if (file === undefined) return;
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch {
    return; // most people have none
  }
  for (const line of text.split('\n')) {
    const words = splitWords(line);
    if (words !== undefined && words.length > 0) setPreference(preferences, words, console, true);
  }
}
