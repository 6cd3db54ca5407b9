// config-error: a fault of a configuration, its place, and the text that ends a start.
import { systemErrorText } from '../../base/system-error.js';
import { splitWords } from '../../base/quoting.js';
import { fromByteString } from './special-settings.js';

/** Where a line of the configuration stands. */
export interface LinePlace {
  /** option: of the command line, or of an embedding program. */
  readonly source: 'file' | 'included' | 'input' | 'option';
  /** The file's absolute path; empty when there is none. */
  readonly path: string;
  readonly lineNumber: number;
  /** A byte string; an option stands here as a line of a file. */
  readonly line: string;
}

function optionName({ line }: LinePlace): string {
  return fromByteString(splitWords(line)?.[0] ?? line.split(' ', 1)[0]!);
}

/** The place of a line in a message, without the line itself, which may hold a password. */
export function describePlace(place: LinePlace): string {
  if (place.source === 'option') return `option '${optionName(place)}'`;
  return `${place.source === 'input' ? 'standard input' : place.path}, line ${place.lineNumber}`;
}

/** A line that cannot be used, or a configuration that does not hold together. */
export class ConfigError extends Error {
  constructor(
    readonly reason: string,
    /** Undefined when no single line is at fault. */
    readonly place?: LinePlace,
  ) {
    super(place === undefined ? reason : `${describePlace(place)}: '${fromByteString(place.line)}': ${reason}`);
  }

  /** Goes to standard error before the process ends with status 1. */
  report(version: string): string {
    const { place } = this;
    const where = place === undefined ? '' : `${reading(place)}\n>>> '${fromByteString(place.line)}'\n`;
    return `\n*** FATAL CONFIG FILE ERROR (Redis ${version}) ***\n${where}${this.reason}\n`;
  }
}

/** The line before the faulty one: Redis's own for files. */
function reading(place: LinePlace): string {
  switch (place.source) {
    case 'file':
      return `Reading the configuration file, at line ${place.lineNumber}`;
    case 'included':
      return `Reading the configuration file '${place.path}', at line ${place.lineNumber}`;
    case 'input':
      return `Reading the configuration from standard input, at line ${place.lineNumber}`;
    case 'option':
      return `Reading the command line, at option '--${optionName(place)}'`;
  }
}

/** A file that cannot be read; the message is for the log, as a warning. */
export class ConfigFileMissing extends Error {
  constructor(path: string, error: unknown) {
    super(`Fatal error, can't open config file '${path}': ${systemErrorText(error)}`);
  }
}
