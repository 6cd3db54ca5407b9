// explain-config: what each line of a config file does today: `kvasir-server --explain-config FILE...`.
//
// redis.conf, sentinel.conf, nutcracker.yml and codis's files are explained by the tables and readers with which the programs
// read them, so it says what a start would do. With --json each line is an object; `now` is the line as a current file would have
// it, and --convert prints only those.

import { readFileSync } from 'node:fs';
import { type ConfigKind, configKinds, kindOf } from './config-kind.js';
import { explainCodis } from './explain-codis.js';
import type { ExplainedLine } from './explained-line.js';
import { explainNutcracker } from './explain-nutcracker.js';
import { explainRedis } from './explain-redis.js';
import { explainSentinel } from './explain-sentinel.js';

export function explainText(file: string, text: string, kind: ConfigKind = kindOf(file, text)): ExplainedLine[] {
  switch (kind) {
    case 'redis':
      return explainRedis(file, text);
    case 'sentinel':
      return explainSentinel(file, text);
    case 'nutcracker':
      return explainNutcracker(file, text);
    case 'codis-proxy':
    case 'codis-dashboard':
      return explainCodis(file, text, kind);
  }
}

const usage = `Usage: kvasir-server --explain-config FILE... [--json | --convert] [--strict-config] [--kind KIND]

  --json           Each line as an object.
  --convert        The lines of a current file; what has no place in it becomes a comment.
  --strict-config  Exit with 1 for warnings as well.
  --kind KIND      ${configKinds.join(', ')}; without it, the content tells.
`;

interface Request {
  readonly files: readonly string[];
  readonly flags: ReadonlySet<string>;
  readonly kind: ConfigKind | undefined;
}

function readWords(words: readonly string[]): Request | undefined {
  const files: string[] = [];
  const flags = new Set<string>();
  let kind: ConfigKind | undefined;
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (!word.startsWith('--')) files.push(word);
    else if (['--json', '--convert', '--strict-config'].includes(word)) flags.add(word);
    else if (word === '--kind' || word.startsWith('--kind=')) {
      const name = word === '--kind' ? words[++index] : word.slice('--kind='.length);
      kind = configKinds.find((one) => one === name);
      if (kind === undefined) return undefined;
    } else return undefined;
  }
  return files.length === 0 ? undefined : { files, flags, kind };
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Files are read as bytes, a character each; a reader wants to see what they say in UTF-8, or in Latin-1 if they are none. */
function readable(text: string): string {
  if (!/[\x80-\xff]/.test(text) || /[^\0-\xff]/.test(text)) return text;
  try {
    return decoder.decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}

function show(line: ExplainedLine, flags: ReadonlySet<string>): string | Uint8Array {
  // A converted file keeps its bytes, whatever they are.
  if (flags.has('--convert'))
    return Buffer.from(line.now === undefined ? `# ${line.text}: ${line.meaning}\n` : `${line.now}\n`, 'latin1');
  const now = line.now === undefined ? undefined : readable(line.now);
  const one = { ...line, text: readable(line.text), meaning: readable(line.meaning), now };
  if (flags.has('--json')) return `${JSON.stringify(one)}\n`;
  return `${one.file}:${one.line}: ${one.verdict.padEnd(7)} ${one.text}\n    ${one.meaning}\n`;
}

/** The program: returns its exit code, 1 when a start would fail. */
export function explainConfig(words: readonly string[], print: (text: string | Uint8Array) => void): number {
  const request = readWords(words);
  if (request === undefined) {
    print(usage);
    return 2;
  }
  const { files, flags, kind } = request;
  let status = 0;
  for (const file of files) {
    let text: string;
    try {
      text = readFileSync(file, 'latin1').replace(/^\xef\xbb\xbf/, '');
    } catch (error) {
      print(`${file}: ${error instanceof Error ? error.message : String(error)}\n`);
      status = 1;
      continue;
    }
    for (const one of explainText(file, text, kind)) {
      if (one.verdict === 'error' || (flags.has('--strict-config') && one.verdict === 'warning')) status = 1;
      print(show(one, flags));
    }
  }
  return status;
}
