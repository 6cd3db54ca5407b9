// file: reads config files, standard input and command lines into a Config.
//
// A file is read line by line: `directive word word ...`, with quotes as in line. Later lines win, `include` reads
// another file in place, `user`, `rename-command`, `loadmodule` and `sentinel` go to their own readers. Options of the
// command line are turned into lines of their own, which come last. The first wrong line ends it all: `ConfigError.report`
// is redis-server's text. A line that means something else today, or nothing, is a warning (foreign-directives,
// value-repairs); with strict-config the first warning, wherever it stands, ends the start as well.
import { resolve } from 'node:path';
import { globMatches } from '../../base/glob.js';
import { latin1, utf8 } from '../../base/bytes.js';
import { quote, splitWords } from '../../base/quoting.js';
import { systemErrorText } from '../../base/system-error.js';
import { readWhole, type Files } from '../../io/files.js';
import { nearestWord } from '../../base/nearest-word.js';
import type { Config } from './config.js';
import { ConfigError, ConfigFileMissing, describePlace, type LinePlace } from './config-error.js';
import { bundledModuleWarning, foreignNames, judgeForeignLine } from './foreign-directives.js';
import type { Setting } from './setting.js';
import { fromByteString, toByteString } from './special-settings.js';
import { repairValue, splitDirectives } from './value-repairs.js';

/** Directives that are no settings; each gives the reason when it refuses. All words are byte strings. */
export interface Directives {
  user(words: readonly string[]): { readonly word: string; readonly reason: string } | undefined;
  renameCommand(from: string, to: string): string | undefined;
  loadModule(words: readonly string[]): string | undefined;
  /** Only in a sentinel. */
  sentinel?(words: readonly string[], lineNumber: number, line: string): string | undefined;
}

/** Includes that include each other end here instead of in a full stack. */
const includeDepthMax = 32;

/** Directives that are no settings. */
const otherDirectives = ['include', 'rename-command', 'user', 'loadmodule', 'sentinel'];

interface Warning {
  readonly place: LinePlace;
  readonly text: string;
}

export class ConfigReader {
  private depth = 0;
  private readonly found: Warning[] = [];

  constructor(
    private readonly config: Config,
    private readonly files: Files,
    private readonly directives: Directives,
  ) {}

  /** Warnings about lines that have another meaning here, each with its place. */
  get warnings(): readonly string[] {
    return this.found.map(({ text, place }) => `${describePlace(place)}: ${text}`);
  }

  /**
   * Reads what the server was started with: the file if there is one, then standard input, then the command line's
   * options (see `optionLines`). Throws ConfigError or ConfigFileMissing.
   */
  load(file: string | undefined, standardInput: string, optionLines: string): void {
    // A relative path is in the folder that the process is in, whatever the file says about dir.
    const path = file === undefined ? '' : resolve(this.config.path('dir'), file);
    if (file !== undefined) this.read(this.readFile(file), 'file', path);
    this.read(standardInput, 'input', '');
    this.read(optionLines, 'option', '');
    this.checkWhole();
  }

  private readFile(path: string): string {
    const full = resolve(this.config.path('dir'), path);
    try {
      // Editors on Windows put a byte order mark first.
      return latin1(readWhole(this.files, full)).replace(/^\xef\xbb\xbf/, '');
    } catch (error) {
      throw new ConfigFileMissing(path, error);
    }
  }

  private read(text: string, source: LinePlace['source'], path: string): void {
    let lineNumber = 0;
    for (const raw of text.split('\n')) {
      lineNumber++;
      const line = raw.replace(/^[ \t\r]+|[ \t\r]+$/g, '');
      if (line === '' || line.startsWith('#')) continue;
      const reason = this.readLine({ source, path, lineNumber, line });
      if (reason !== undefined) throw new ConfigError(reason, { source, path, lineNumber, line });
    }
  }

  private readLine(place: LinePlace): string | undefined {
    const words = splitWords(place.line);
    if (words === undefined) return 'Unbalanced quotes in configuration line';
    if (words.length === 0) return undefined;
    // Options come one by one; elsewhere a line may hold several directives.
    const isOption = place.source === 'option';
    const lines = isOption ? undefined : splitDirectives(place.line, (word) => this.mayShareLine(word));
    if (lines === undefined) return this.readWords(words, place);
    for (const line of lines) {
      const reason = this.readWords(line, place);
      if (reason !== undefined) return reason;
    }
    this.warn(
      place,
      lines.length === 1
        ? 'the comment behind the directive is left out; write it on a line of its own'
        : `the line holds ${lines.length} directives, which are read one by one; write each on a line of its own`,
    );
    return undefined;
  }

  private readWords(words: readonly string[], place: LinePlace): string | undefined {
    const name = words[0]!.toLowerCase();
    const setting = this.config.find(name);
    return setting === undefined
      ? this.readDirective(name, words.slice(1), place)
      : this.assign(setting, name, words.slice(1), place);
  }

  private assign(setting: Setting, name: string, given: readonly string[], place: LinePlace): string | undefined {
    const repair = repairValue(setting.option.name, given);
    const values = repair?.words ?? given;
    if (repair !== undefined) this.warn(place, `${name} ${repair.text}`);
    if (setting.option.multiple !== true) {
      if (values.length === 1) return setting.assign(values, true);
      const isLong = values.length > 1 && place.source !== 'option';
      return `wrong number of arguments${isLong ? `\n'${name}' takes one value; write further directives and comments on lines of their own, values with spaces in quotes` : ''}`;
    }
    // One quoted word may hold all the values: --save "900 1 300 10".
    const split = values.length === 1 && values[0] !== '' ? splitWords(values[0]!) : values;
    return split === undefined ? 'Unbalanced quotes in configuration line' : setting.assign(split, true);
  }

  private readDirective(name: string, values: readonly string[], place: LinePlace): string | undefined {
    if (name === 'include' && values.length === 1) return this.include(fromByteString(values[0]!));
    if (name === 'rename-command' && values.length === 2) return this.directives.renameCommand(values[0]!, values[1]!);
    if (name === 'user' && values.length >= 1) {
      const refused = this.directives.user(values);
      return refused === undefined
        ? undefined
        : `Error in user declaration '${fromByteString(refused.word)}': ${refused.reason}`;
    }
    if (name === 'loadmodule' && values.length >= 1) {
      const warning = bundledModuleWarning(values[0]!);
      if (warning === undefined) return this.directives.loadModule(values);
      this.warn(place, warning);
      return undefined;
    }
    if (name === 'sentinel') {
      if (values.length === 0) return undefined;
      if (this.directives.sentinel === undefined) return 'sentinel directive while not in sentinel mode';
      return this.directives.sentinel(values, place.lineNumber, place.line);
    }
    return this.readForeign(name, values, place);
  }

  private readForeign(name: string, values: readonly string[], place: LinePlace): string | undefined {
    if (name.includes('.') && values.length === 0) return 'Module config specified without value';
    const verdict = judgeForeignLine(name, values);
    if (verdict === undefined) return `Bad directive or wrong number of arguments${this.suggest(name)}`;
    if (verdict.kind === 'error') return verdict.text;
    this.warn(place, verdict.text);
    return verdict.now === undefined
      ? undefined
      : this.assign(this.config.find(verdict.now)!, verdict.now, values, place);
  }

  /** Rules of users hold words that begin with # and are no comments, and the words of modules may be anything. */
  private mayShareLine(word: string): boolean {
    // An address has points, and so has a module's directive.
    if (word.includes('.')) return false;
    return this.config.find(word) !== undefined || word === 'include' || judgeForeignLine(word, []) !== undefined;
  }

  /** A second line for a directive that is mistyped; empty when its name is right or like no other. */
  private suggest(name: string): string {
    if (otherDirectives.includes(name)) return '';
    const nearest = nearestWord(name, [...this.config.names(), ...otherDirectives, ...foreignNames()]);
    return nearest === undefined
      ? ''
      : `\nThere is no directive '${fromByteString(name)}'; the nearest is '${nearest}'`;
  }

  private warn(place: LinePlace, text: string): void {
    this.found.push({ place, text: fromByteString(text) });
  }

  private include(path: string): undefined {
    if (this.depth >= includeDepthMax) throw new ConfigFileMissing(path, Object.assign(new Error(), { code: 'ELOOP' }));
    this.depth++;
    const paths = /[*?[]/.test(path) ? this.expand(path) : [path];
    for (const each of paths) this.read(this.readFile(each), 'included', resolve(this.config.path('dir'), each));
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

  /** Checks that need the whole configuration. */
  private checkWhole(): void {
    const first = this.found[0];
    if (first !== undefined && this.config.flag('strict-config').value) {
      throw new ConfigError(`${first.text}\n(strict-config is on)`, first.place);
    }
    const log = this.config.path('logfile');
    if (log !== '') {
      try {
        this.files.open(log, 'append').close();
      } catch (error) {
        throw new ConfigError(`Can't open the log file: ${systemErrorText(error)}`);
      }
    }
    if (this.config.flag('cluster-enabled').value) {
      if (this.config.special('replicaof').value !== undefined) {
        throw new ConfigError('replicaof directive not allowed in cluster mode');
      }
      if (this.config.flag('codis-enabled').value) {
        throw new ConfigError('codis-enabled directive not allowed in cluster mode');
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

/** Options of the command line that may stand without a value. */
const valuesOfBareOptions: Readonly<Record<string, string | undefined>> = { '--save': '""', '--strict-config': 'yes' };

export interface CommandLine {
  readonly file: string | undefined;
  /** A '-' asks for standard input. */
  readonly standardInput: boolean;
  /** The options as lines of a config file. */
  readonly optionLines: string;
}

/**
 * Reads a server's arguments: `[file] [-] [--option word ...] ... [-]`. A word that begins with `--` is an option's name only
 * where the option before it has a value; `--save` and `--strict-config` may do without.
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
      const without = valuesOfBareOptions[lowered];
      if (!hasValue && without !== undefined && (last || followedByOption)) {
        lines += without;
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
