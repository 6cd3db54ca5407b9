// page: reads a guide: the commands that it shows, what they print, and the files that its reader writes.
//
// docs/guides/WRITING.md describes the notation. Whatever a reader could mistake for a command must be one that is run, or be marked
// as one that is not: so a fence of another kind of shell, or a word that means nothing, is an error and not skipped.

export interface PortRange {
  readonly first: number;
  readonly count: number;
}

export interface Command {
  readonly line: number;
  /** The words after `$ `, with the continuation lines after `> `. */
  readonly text: string;
  /** The lines typed when the program asks, or at its prompt. */
  readonly typed: readonly string[];
  /** The output, without the typed lines. */
  readonly output: readonly string[];
}

export interface ConsoleStep {
  readonly kind: 'console';
  readonly line: number;
  readonly terminal: number;
  /** The commands only look: they are repeated until they print this. */
  readonly until: boolean;
  /** The lines may come in any order. */
  readonly anyOrder: boolean;
  /** The last command still runs when this is printed. */
  readonly stays: boolean;
  /** The output of a command that still runs, before the first `$ `. */
  readonly rest: readonly string[];
  readonly commands: readonly Command[];
}

export interface FileStep {
  readonly kind: 'file';
  readonly line: number;
  readonly name: string;
  readonly text: string;
}

export interface Guide {
  readonly name: string;
  readonly title: string;
  /** The guide that this one goes on from, with its servers and files. */
  readonly after: string | undefined;
  readonly ports: readonly PortRange[];
  /** Absolute folders that lie in the guide's own folder when it is run. */
  readonly folders: readonly string[];
  /** Programs that are not Kvasir's. */
  readonly needs: readonly string[];
  readonly steps: readonly (ConsoleStep | FileStep)[];
  /** Reasons of the blocks that are not run. */
  readonly notRun: readonly string[];
  /** Each block with its first line, as it stands there. */
  readonly blocks: readonly string[];
}

export class GuideError extends Error {}

/** Listings of code that belongs to no shell. */
const listings = ['java', 'php', 'js', 'lua', 'sql', 'yaml', 'ini', 'xml', 'text', 'diff'];
/** Questions after which the answer stands on the same line. */
const questions = [
  /^How many slots do you want to move \(from 1 to \d+\)\? /,
  /^What is the receiving node ID\? /,
  /^Source node #\d+: ?/,
  /^Do you want to proceed with the proposed reshard plan \(yes\/no\)\? /,
  /^.*\(type 'yes' to accept\): /,
  /^Continue\? \[y\/N\]: /,
];
/** Whether a line without the blanks at its end is such a question. */
export function isQuestion(line: string): boolean {
  return questions.some((question) => question.exec(`${line} `)?.[0].trimEnd() === line);
}

const prompt = /^(?:\S+:\d+(?:\[\d+\])?(?:\([a-z]+\))?|not connected)> /i;

interface Block {
  readonly line: number;
  readonly language: string;
  readonly words: readonly string[];
  readonly lines: readonly string[];
  /** The text line before, and the comment if one stands there. */
  readonly before: string;
}

export function parseGuide(name: string, text: string): Guide {
  const fail = (line: number, message: string): never => {
    throw new GuideError(`${name}.md:${line}: ${message}`);
  };
  const lines = text.split('\n');
  const title = /^# (.+)$/.exec(lines[0] ?? '')?.[1] ?? fail(1, 'the first line is no title');
  const blocks = readBlocks(lines, fail);
  const header = readHeader(text, fail);
  const steps: (ConsoleStep | FileStep)[] = [];
  const notRun: string[] = [];
  const running = new Set<number>();
  for (const block of blocks) {
    const { language, words, line } = block;
    const reason = /^<!-- not run: (.*?) *-->$/.exec(block.before)?.[1];
    if (reason !== undefined && language !== 'sh') fail(line, 'only a `sh` block can be one that is not run');
    if (language === 'sh') {
      if (!reason)
        fail(line, 'a `sh` block needs `<!-- not run: reason -->` above it; what can run is a `console` block');
      notRun.push(reason!);
    } else if (language === 'console') {
      const step = readConsole(block, fail);
      if (step.rest.length > 0 && !running.has(step.terminal))
        fail(line, `no command runs in terminal ${step.terminal}, but the block begins with output`);
      if (step.commands.length > 0) running.delete(step.terminal);
      if (step.stays) running.add(step.terminal);
      steps.push(step);
    } else {
      const file = words.find((word) => word.startsWith('file='))?.slice(5);
      const unknown = words.find((word) => !word.startsWith('file='));
      if (unknown !== undefined) fail(line, `\`${unknown}\` means nothing here`);
      if (file === undefined) {
        if (!listings.includes(language)) fail(line, `\`${language}\` is no listing that a guide may have`);
        continue;
      }
      if (!block.before.includes(`\`${file}\``)) fail(line, `the line above does not name the file \`${file}\``);
      steps.push({ kind: 'file', line, name: file, text: `${block.lines.join('\n')}\n` });
    }
  }
  if (!steps.some(({ kind }) => kind === 'console')) fail(1, 'nothing is run');
  if (header.after === undefined) checkPorts(steps, header.ports, fail);
  return {
    name,
    title,
    ...header,
    steps,
    notRun,
    blocks: blocks.map((block) => [[block.language, ...block.words].join(' '), ...block.lines].join('\n')),
  };
}

type Fail = (line: number, message: string) => never;

function readBlocks(lines: readonly string[], fail: Fail): Block[] {
  const blocks: Block[] = [];
  let before = '';
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!;
    if (!line.startsWith('```')) {
      if (/^\s+```/.test(line)) fail(index + 1, 'a block must begin at the start of its line');
      if (line.trim() !== '') before = line;
      continue;
    }
    const [language = '', ...words] = line.slice(3).trim().split(/\s+/);
    const end = lines.indexOf('```', index + 1);
    if (end < 0) fail(index + 1, 'the block does not end');
    blocks.push({ line: index + 1, language, words, lines: lines.slice(index + 1, end), before });
    before = '';
    index = end;
  }
  return blocks;
}

function readHeader(text: string, fail: Fail): Pick<Guide, 'after' | 'ports' | 'folders' | 'needs'> {
  const found = /^<!-- guide:(.*)-->$/m.exec(text);
  if (found === null) return fail(1, 'there is no `<!-- guide: ports=... -->`');
  const header = {
    after: undefined as string | undefined,
    ports: [] as PortRange[],
    folders: [] as string[],
    needs: [] as string[],
  };
  for (const word of found[1]!.trim().split(/\s+/)) {
    const [name, value = ''] = word.split('=', 2) as [string, string?];
    const values = value.split(',').filter((part) => part !== '');
    if (name === 'folders') header.folders.push(...values);
    else if (name === 'needs') header.needs.push(...values);
    else if (name === 'after') header.after = value;
    else if (name === 'ports')
      for (const part of values) {
        const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? fail(2, `\`${part}\` is no port`);
        header.ports.push({ first: Number(first), count: Number(last ?? first) - Number(first) + 1 });
      }
    else fail(2, `the header knows after, ports, folders and needs, not \`${name}\``);
  }
  return header;
}

function readConsole(block: Block, fail: Fail): ConsoleStep {
  let terminal = 1;
  const flags = { until: false, 'any-order': false, stays: false };
  for (const word of block.words) {
    const number = /^terminal=([1-9])$/.exec(word)?.[1];
    if (number !== undefined) terminal = Number(number);
    else if (word in flags) flags[word as keyof typeof flags] = true;
    else fail(block.line, `a console block knows terminal=N, until, any-order and stays, not \`${word}\``);
  }
  const rest: string[] = [];
  const commands: { line: number; text: string; typed: string[]; output: string[] }[] = [];
  block.lines.forEach((line, index) => {
    const current = commands.at(-1);
    if (line.startsWith('$ ')) {
      if (line.trim() === '$') fail(block.line + index + 1, 'there is no command');
      commands.push({ line: block.line + index + 1, text: line.slice(2), typed: [], output: [] });
    } else if (line === '$') fail(block.line + index + 1, 'there is no command');
    else if (current === undefined) rest.push(line);
    else if (/^>(?: |$)/.test(line) && current.output.length === 0 && current.typed.length === 0)
      current.text += `\n${line.replace(/^> ?/, '')}`;
    else readOutput(line, current);
  });
  if (commands.length === 0 && rest.length === 0) fail(block.line, 'the block is empty');
  if (flags.until && rest.length > 0) fail(block.line, 'what is printed once cannot be repeated');
  return {
    kind: 'console',
    line: block.line,
    terminal,
    until: flags.until,
    anyOrder: flags['any-order'],
    stays: flags.stays,
    rest,
    commands,
  };
}

function readOutput(line: string, command: { typed: string[]; output: string[] }): void {
  const shown = prompt.exec(line)?.[0];
  if (shown !== undefined) {
    command.typed.push(line.slice(shown.length));
    return;
  }
  for (const question of questions) {
    const asked = question.exec(line)?.[0];
    if (asked === undefined) continue;
    command.typed.push(line.slice(asked.length));
    command.output.push(asked);
    return;
  }
  command.output.push(line);
}

/** Ports that the reader sees in commands and files, and that nobody has declared, would be opened as they are. */
function checkPorts(steps: Guide['steps'], ports: readonly PortRange[], fail: Fail): void {
  const isKnown = (port: number): boolean => ports.some(({ first, count }) => port >= first && port < first + count);
  for (const step of steps) {
    const texts = step.kind === 'file' ? [{ line: step.line, text: step.text }] : step.commands;
    for (const { line, text } of texts)
      for (const [, port] of text.matchAll(/(?:-p |--?port[ =]|^port |localhost:|(?:\d+\.){3}\d+[: ])(\d{3,5})\b/gm))
        if (!isKnown(Number(port))) fail(line, `port ${port} is not in the header`);
  }
}
