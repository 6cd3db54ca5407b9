// file: reads config files, standard input and command lines into a Config.
//
// A file is read line by line: `directive word word ...`, with quotes as in line. Later lines win, `include` reads
// another file in place, `user`, `rename-command`, `loadmodule` and `sentinel` go to whoever wants them. Options of the
// command line are turned into lines behind the file's. The first wrong line ends it all: `ConfigError.report` is what
// redis-server prints then.
import { resolve } from 'node:path';
import { globMatches } from '../../base/glob.js';
import { latin1, utf8 } from '../../base/bytes.js';
import { quote, splitWords } from '../../base/quoting.js';
import { systemErrorText } from '../../base/system-error.js';
import { readWhole, type Files } from '../../io/files.js';
import type { Config } from './config.js';
import { fromByteString, toByteString } from './special-settings.js';

/** Directives that are no settings; each gives the reason when it refuses. All words are byte strings. */
export interface Directives {
  user(words: readonly string[]): { readonly word: string; readonly reason: string } | undefined;
  renameCommand(from: string, to: string): string | undefined;
  loadModule(words: readonly string[]): string | undefined;
  /** Only in a sentinel. */
  sentinel?(words: readonly string[], lineNumber: number, line: string): string | undefined;
}

/** A line that cannot be used. */
export class ConfigError extends Error {
  constructor(
    readonly reason: string,
    readonly lineNumber: number,
    readonly line: string,
    /** The included file the line is in; undefined for the main one. */
    readonly includedFile: string | undefined,
  ) {
    super(lineNumber === 0 ? reason : `line ${lineNumber} '${fromByteString(line)}': ${reason}`);
  }

  /** What goes to standard error before the process ends with status 1. */
  report(version: string): string {
    const where = this.includedFile === undefined ? '' : ` '${this.includedFile}'`;
    const place = `Reading the configuration file${where}, at line ${this.lineNumber}\n>>> '${fromByteString(this.line)}'\n`;
    return `\n*** FATAL CONFIG FILE ERROR (Redis ${version}) ***\n${this.lineNumber === 0 ? '' : place}${this.reason}\n`;
  }
}

/** A file that cannot be read; the message is for the log, as a warning. */
export class ConfigFileMissing extends Error {
  constructor(path: string, error: unknown) {
    super(`Fatal error, can't open config file '${path}': ${systemErrorText(error)}`);
  }
}

/** Includes that include each other end here instead of in a full stack. */
const includeDepthMax = 32;

/** Directives that Redis once had and that may still stand in files, with one word. */
const ignoredDirectives = new Set(['list-max-ziplist-entries', 'list-max-ziplist-value', 'lua-replicate-commands']);

export class ConfigReader {
  private depth = 0;

  constructor(
    private readonly config: Config,
    private readonly files: Files,
    private readonly directives: Directives,
  ) {}

  /**
   * Reads what the server was started with: the file if there is one, then standard input, then the command line's
   * options (see `optionLines`). Throws ConfigError or ConfigFileMissing.
   */
  load(file: string | undefined, standardInput: string, optionLines: string): void {
    let lines = file === undefined ? '' : this.readFile(file);
    lines += standardInput;
    if (optionLines !== '') lines += `\n${optionLines}`;
    this.read(lines, undefined);
    this.checkWhole();
  }

  private readFile(path: string): string {
    const full = resolve(this.config.path('dir'), path);
    try {
      return latin1(readWhole(this.files, full));
    } catch (error) {
      throw new ConfigFileMissing(path, error);
    }
  }

  private read(text: string, includedFile: string | undefined): void {
    let lineNumber = 0;
    for (const raw of text.split('\n')) {
      lineNumber++;
      const line = raw.replace(/^[ \t\r]+|[ \t\r]+$/g, '');
      if (line === '' || line.startsWith('#')) continue;
      const words = splitWords(line);
      const reason =
        words === undefined ? 'Unbalanced quotes in configuration line' : this.readWords(words, lineNumber, line);
      if (reason !== undefined) throw new ConfigError(reason, lineNumber, line, includedFile);
    }
  }

  private readWords(words: string[], lineNumber: number, line: string): string | undefined {
    if (words.length === 0) return undefined;
    const name = words[0]!.toLowerCase();
    const values = words.slice(1);
    const setting = this.config.find(name);
    if (setting === undefined) return this.readDirective(name, values, lineNumber, line);
    if (setting.option.multiple !== true) {
      return values.length === 1 ? setting.assign(values, true) : 'wrong number of arguments';
    }
    // One quoted word may hold all the values: --save "900 1 300 10".
    const split = values.length === 1 && values[0] !== '' ? splitWords(values[0]!) : values;
    return split === undefined ? 'Unbalanced quotes in configuration line' : setting.assign(split, true);
  }

  private readDirective(name: string, values: string[], lineNumber: number, line: string): string | undefined {
    if (ignoredDirectives.has(name) && values.length === 1) return undefined;
    if (name === 'include' && values.length === 1) return this.include(fromByteString(values[0]!));
    if (name === 'rename-command' && values.length === 2) return this.directives.renameCommand(values[0]!, values[1]!);
    if (name === 'user' && values.length >= 1) {
      const refused = this.directives.user(values);
      return refused === undefined
        ? undefined
        : `Error in user declaration '${fromByteString(refused.word)}': ${refused.reason}`;
    }
    if (name === 'loadmodule' && values.length >= 1) return this.directives.loadModule(values);
    if (name.includes('.')) return values.length === 0 ? 'Module config specified without value' : undefined;
    if (name === 'sentinel') {
      if (values.length === 0) return undefined;
      if (this.directives.sentinel === undefined) return 'sentinel directive while not in sentinel mode';
      return this.directives.sentinel(values, lineNumber, line);
    }
    return 'Bad directive or wrong number of arguments';
  }

  private include(path: string): undefined {
    if (this.depth >= includeDepthMax) throw new ConfigFileMissing(path, Object.assign(new Error(), { code: 'ELOOP' }));
    this.depth++;
    const paths = /[*?[]/.test(path) ? this.expand(path) : [path];
    for (const each of paths) this.read(this.readFile(each), resolve(this.config.path('dir'), each));
    this.depth--;
  }

  /** The existing files that a path with wildcards names, in order; none is fine. */
  private expand(path: string): string[] {
    const full = resolve(this.config.path('dir'), path);
    const root = /^([A-Za-z]:)?[/\\]/.exec(full)![0];
    let found = [root];
    for (const part of full.slice(root.length).split(/[/\\]/)) {
      const pattern = utf8(part);
      const next: string[] = [];
      for (const folder of found) {
        const prefix = /[/\\]$/.test(folder) ? folder : `${folder}/`;
        if (!/[*?[]/.test(part)) {
          if (this.files.isFolder(prefix + part) || this.files.sizeOf(prefix + part) >= 0) next.push(prefix + part);
          continue;
        }
        if (!this.files.isFolder(folder)) continue;
        for (const name of this.files.list(folder)) {
          const hidden = name.startsWith('.') && !part.startsWith('.');
          if (!hidden && globMatches(pattern, utf8(name))) next.push(prefix + name);
        }
      }
      found = next;
    }
    return found.filter((each) => !this.files.isFolder(each));
  }

  /** What only the whole configuration shows. */
  private checkWhole(): void {
    const log = this.config.path('logfile');
    if (log !== '') {
      try {
        this.files.open(log, 'append').close();
      } catch (error) {
        throw new ConfigError(`Can't open the log file: ${systemErrorText(error)}`, 0, '', undefined);
      }
    }
    if (this.config.flag('cluster-enabled').value) {
      if (this.config.special('replicaof').value !== undefined) {
        throw new ConfigError('replicaof directive not allowed in cluster mode', 0, '', undefined);
      }
      this.config.number('databases').set(1n);
    }
    clampHz(this.config);
  }
}

/** hz is a wish: what is out of range is brought back into it. */
export function clampHz(config: Config): void {
  const hz = config.number('hz');
  hz.set(BigInt(Math.min(500, Math.max(1, hz.value))));
}

export interface CommandLine {
  readonly file: string | undefined;
  /** A '-' asks for standard input. */
  readonly standardInput: boolean;
  /** The options as lines of a config file. */
  readonly optionLines: string;
}

/**
 * Reads a server's arguments: `[file] [-] [--option word ...] ... [-]`. A word that begins with `--` is an option's name only
 * where the option before it has a value; `--save` may do without.
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  let at = 0;
  let file: string | undefined;
  if (args.length > 0 && !args[0]!.startsWith('-')) file = args[at++];
  let standardInput = false;
  let lines = '';
  let hasValue = true;
  for (; at < args.length; at++) {
    const word = toByteString(args[at]!);
    const last = at === args.length - 1;
    if (word === '-' && (at === 0 || last)) {
      standardInput = true;
    } else if (hasValue && word.startsWith('--')) {
      lines += `${lines === '' ? '' : '\n'}${word.slice(2)} `;
      // Name and value may be one argument: "--port 6380".
      hasValue = (splitWords(word) ?? []).length !== 1;
      const lowered = word.toLowerCase();
      const followedByOption = !last && args[at + 1]!.startsWith('--');
      if (!hasValue && lowered === '--save' && (last || followedByOption)) {
        lines += '""';
        hasValue = followedByOption;
      } else if (!hasValue && lowered === '--sentinel' && followedByOption) {
        hasValue = true;
      }
    } else {
      lines += `${quote(word)} `;
      hasValue = true;
    }
  }
  return { file, standardInput, optionLines: lines };
}

/** Options of an embedding program as lines of a config file. */
export function linesOfOptions(
  options: Readonly<Record<string, string | number | boolean | readonly (string | number)[]>>,
): string {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    const words =
      typeof value === 'boolean' ? [value ? 'yes' : 'no'] : Array.isArray(value) ? value.map(String) : [String(value)];
    lines.push([name, ...words.map((word) => quote(toByteString(word)))].join(' '));
  }
  return lines.join('\n');
}
