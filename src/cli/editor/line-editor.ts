// line-editor: reads a line at a terminal, with history, completion, search and a grey hint after the cursor.
//
// The terminal is in raw mode only while a line is read, so that Ctrl-C during a command is the signal it always is. What
// is drawn is a function of prompt, line and hint: each change draws all of it anew over the old, whatever rows it took.
// Node has a line reader, but no place in it to show a hint; its decoding of keys is used.
import { emitKeypressEvents } from 'node:readline';
import { LineBuffer } from './line-buffer.js';
import { positionAfter, textWidth } from './text-width.js';

export interface EditorCompletion {
  /** Where the part before the cursor begins that is replaced. */
  readonly start: number;
  readonly candidates: readonly string[];
}

export interface EditorOptions {
  /** Lines typed before, oldest first; looked at each time. */
  history(): readonly string[];
  complete(beforeCursor: string): Promise<EditorCompletion>;
  /** The hint after the cursor at the end of the line; '' for none. */
  hint(line: string): string;
  readonly colors: boolean;
  /** Show stars instead of the text, for passwords. */
  readonly masked?: boolean;
  /** A line feed is no key: who plays a terminal through a pipe ends writes with one. */
  readonly ignoreLineFeed?: boolean;
}

/** A terminal's input, or in tests a pipe that plays one. */
export interface EditorInput extends NodeJS.ReadableStream {
  setRawMode?(raw: boolean): unknown;
}

export interface EditorOutput extends NodeJS.WritableStream {
  readonly columns?: number;
}

/** A line, or how its reading ended otherwise: Ctrl-C on an empty line, Ctrl-D, or a terminal that went away. */
export type LineResult = { readonly line: string } | { readonly ended: 'interrupted' | 'closed' };

export interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly sequence?: string;
}

/** A search in the history, newest first or (forward) oldest first. */
interface Search {
  forward: boolean;
  query: string;
  /** The line found, or where to begin. */
  index: number;
  found: boolean;
}

const listedMax = 100;

export class LineEditor {
  private readonly buffer = new LineBuffer();
  private prompt = '';
  private cursorRow = 0;
  private finish: ((result: LineResult) => void) | undefined;
  private historyIndex = 0;
  private draft = '';
  private search: Search | undefined;
  private completing = false;
  private listNext = false;
  private keyWaiter: ((key: Key) => void) | undefined;
  /** Keys typed while a completion was looked up, or between two lines. */
  private readonly waitingKeys: [string | undefined, Key][] = [];

  constructor(
    private readonly input: EditorInput,
    private readonly output: EditorOutput,
    private readonly options: EditorOptions,
  ) {
    input.pause();
    emitKeypressEvents(input);
    input.on('keypress', this.onKey);
  }

  /** True while a line is being read. */
  get reading(): boolean {
    return this.finish !== undefined;
  }

  readLine(prompt: string): Promise<LineResult> {
    this.prompt = prompt;
    this.buffer.set('');
    this.draft = '';
    this.historyIndex = this.options.history().length;
    this.cursorRow = 0;
    this.input.setRawMode?.(true);
    this.input.once('end', this.onEnd);
    this.output.on('resize', this.onResize);
    this.input.resume();
    this.draw();
    return new Promise((resolve) => {
      this.finish = resolve;
      this.handleWaitingKeys();
    });
  }

  /** Waits for one key outside of a line; undefined when the terminal goes away. */
  async readKey(): Promise<Key | undefined> {
    const waiting = this.waitingKeys.shift();
    if (waiting !== undefined) return waiting[1];
    this.input.setRawMode?.(true);
    this.input.resume();
    const key = await new Promise<Key | undefined>((resolve) => {
      const onEnd = (): void => resolve(undefined);
      this.input.once('end', onEnd);
      this.keyWaiter = (pressed) => {
        this.input.removeListener('end', onEnd);
        resolve(pressed);
      };
    });
    this.keyWaiter = undefined;
    this.input.setRawMode?.(false);
    this.input.pause();
    return key;
  }

  /** Stops listening; the editor cannot be used afterwards. */
  close(): void {
    this.input.removeListener('keypress', this.onKey);
    this.input.pause();
  }

  setPrompt(prompt: string): void {
    if (prompt === this.prompt) return;
    this.prompt = prompt;
    if (this.reading) this.draw();
  }

  /** Draws again, when the hints have become known. */
  refresh(): void {
    if (this.reading && !this.completing) this.draw();
  }

  /** Takes the line away, lets `print` write, and draws the line below. */
  printAbove(print: () => void): void {
    if (!this.reading) {
      print();
      return;
    }
    this.erase();
    print();
    this.draw();
  }

  private end(result: LineResult): void {
    const { finish } = this;
    if (finish === undefined) return;
    this.search = undefined;
    this.buffer.moveEnd();
    this.draw(false);
    this.output.write('\r\n');
    this.finish = undefined;
    this.input.removeListener('end', this.onEnd);
    this.output.removeListener('resize', this.onResize);
    this.input.setRawMode?.(false);
    this.input.pause();
    finish(result);
  }

  private readonly onEnd = (): void => this.end({ ended: 'closed' });

  private readonly onResize = (): void => this.draw();

  private readonly onKey = (text: string | undefined, key: Key): void => {
    if (this.keyWaiter !== undefined) {
      this.keyWaiter(key);
      this.keyWaiter = undefined;
      return;
    }
    if (this.completing || !this.reading) {
      this.waitingKeys.push([text, key]);
      return;
    }
    if (key.name === 'enter' && this.options.ignoreLineFeed === true) return;
    if (this.search !== undefined && this.handleSearchKey(text, key)) return;
    const listNext = this.listNext;
    this.listNext = false;
    if (key.ctrl === true) this.handleControl(key.name ?? '');
    else if (key.meta === true) this.handleMeta(key.name ?? '');
    else if (key.name === 'tab') void this.complete(listNext);
    else this.handlePlain(text, key);
    if (this.reading && !this.completing) this.draw();
  };

  private handleControl(name: string): void {
    const { buffer } = this;
    switch (name) {
      case 'a':
        return buffer.moveHome();
      case 'b':
        return buffer.move(-1);
      case 'c':
        if (buffer.empty) return this.end({ ended: 'interrupted' });
        buffer.moveEnd();
        this.draw(false);
        this.output.write('^C\r\n');
        this.cursorRow = 0;
        return buffer.set('');
      case 'd':
        return buffer.empty ? this.end({ ended: 'closed' }) : buffer.eraseAfter();
      case 'e':
        return buffer.moveEnd();
      case 'f':
        return buffer.move(1);
      case 'h':
        return buffer.eraseBefore();
      case 'j':
        return this.end({ line: buffer.text });
      case 'k':
        return buffer.killToEnd();
      case 'l':
        this.output.write('\x1b[H\x1b[2J');
        this.cursorRow = 0;
        return;
      case 'n':
        return this.stepHistory(1);
      case 'p':
        return this.stepHistory(-1);
      case 'r':
        return this.startSearch(false);
      case 's':
        return this.startSearch(true);
      case 't':
        return buffer.transpose();
      case 'u':
        return buffer.killToStart();
      case 'w':
        return buffer.killWord(-1);
      case 'y':
        return buffer.yank();
      case 'z':
        return this.suspend();
      case 'left':
        return buffer.moveWord(-1);
      case 'right':
        return buffer.moveWord(1);
      default:
        return;
    }
  }

  private handleMeta(name: string): void {
    switch (name) {
      case 'b':
        return this.buffer.moveWord(-1);
      case 'f':
        return this.buffer.moveWord(1);
      case 'd':
        return this.buffer.killWord(1);
      case 'backspace':
        return this.buffer.killWord(-1);
      default:
        return;
    }
  }

  private handlePlain(text: string | undefined, key: Key): void {
    const { buffer } = this;
    switch (key.name) {
      case 'return':
      case 'enter':
        return this.end({ line: buffer.text });
      case 'backspace':
        return buffer.eraseBefore();
      case 'delete':
        return buffer.eraseAfter();
      case 'left':
        return buffer.move(-1);
      case 'right':
        return buffer.move(1);
      case 'home':
        return buffer.moveHome();
      case 'end':
        return buffer.moveEnd();
      case 'up':
        return this.stepHistory(-1);
      case 'down':
        return this.stepHistory(1);
      default:
        if (text !== undefined && !/[\x00-\x1f\x7f]/.test(text)) buffer.insert(text);
    }
  }

  private stepHistory(step: -1 | 1): void {
    if (this.options.masked === true) return;
    const lines = this.options.history();
    const index = this.historyIndex + step;
    if (index < 0 || index > lines.length) return;
    if (this.historyIndex === lines.length) this.draft = this.buffer.text;
    this.historyIndex = index;
    this.buffer.set(index === lines.length ? this.draft : lines[index]!);
  }

  private startSearch(forward: boolean): void {
    if (this.options.masked === true) return;
    this.search = { forward, query: '', index: forward ? 0 : this.options.history().length - 1, found: false };
  }

  /** Ctrl-R or Ctrl-S: each key narrows the search; true when the key belonged to it. */
  private handleSearchKey(text: string | undefined, key: Key): boolean {
    const search = this.search!;
    const lines = this.options.history();
    const find = (from: number): void => {
      const step = search.forward ? 1 : -1;
      search.found = false;
      for (let index = from; search.query !== '' && index >= 0 && index < lines.length; index += step) {
        if (!lines[index]!.includes(search.query)) continue;
        search.index = index;
        search.found = true;
        break;
      }
      // When nothing was found, the search text becomes the line.
      this.buffer.set(search.found ? lines[search.index]! : search.query);
    };
    if (key.ctrl === true && (key.name === 'r' || key.name === 's')) {
      search.forward = key.name === 's';
      find(search.found ? search.index + (search.forward ? 1 : -1) : search.index);
    } else if (key.name === 'tab') this.search = undefined;
    else if (key.ctrl === true && (key.name === 'g' || key.name === 'c')) {
      this.search = undefined;
      this.buffer.set('');
    } else if (key.name === 'backspace') {
      search.query = search.query.slice(0, -1);
      find(search.forward ? 0 : lines.length - 1);
    } else if (key.ctrl !== true && key.meta !== true && text !== undefined && text >= ' ' && text !== '\x7f') {
      search.query += text;
      find(search.index);
    } else {
      this.search = undefined;
      return false;
    }
    this.draw();
    return true;
  }

  private async complete(list: boolean): Promise<void> {
    this.completing = true;
    const before = this.buffer.beforeCursor;
    const { candidates, start } = await this.options.complete(before).finally(() => (this.completing = false));
    if (!this.reading) return;
    this.applyCompletion(before, start, candidates, list);
    this.draw();
    this.handleWaitingKeys();
  }

  private handleWaitingKeys(): void {
    while (this.waitingKeys.length > 0 && this.reading && !this.completing) this.onKey(...this.waitingKeys.shift()!);
  }

  private applyCompletion(before: string, start: number, candidates: readonly string[], list: boolean): void {
    const [only] = candidates;
    if (only === undefined) {
      this.output.write('\x07');
    } else if (candidates.length === 1) {
      this.buffer.replaceBefore(start, `${only} `);
    } else {
      const prefix = commonPrefix(candidates);
      if (prefix.length > before.length - start) this.buffer.replaceBefore(start, prefix);
      else if (list) this.list(candidates);
      else this.output.write('\x07');
      this.listNext = true;
    }
  }

  private list(candidates: readonly string[]): void {
    const columns = this.output.columns || 80;
    const shown = candidates.slice(0, listedMax);
    const width = Math.min(columns, Math.max(...shown.map(textWidth)) + 2);
    const perRow = Math.max(1, Math.floor(columns / width));
    const rows = Math.ceil(shown.length / perRow);
    let text = '';
    for (let row = 0; row < rows; row++) {
      const cells = [];
      for (let index = row; index < shown.length; index += rows)
        cells.push(shown[index]! + ' '.repeat(Math.max(0, width - textWidth(shown[index]!))));
      text += `${cells.join('').trimEnd()}\r\n`;
    }
    if (candidates.length > listedMax) text += `... and ${candidates.length - listedMax} more\r\n`;
    this.printAbove(() => this.output.write(text));
  }

  private suspend(): void {
    if (process.platform === 'win32') return;
    this.input.setRawMode?.(false);
    process.once('SIGCONT', () => {
      if (!this.reading) return;
      this.input.setRawMode?.(true);
      this.cursorRow = 0;
      this.draw();
    });
    process.kill(process.pid, 'SIGTSTP');
  }

  private erase(): void {
    const up = this.cursorRow > 0 ? `\x1b[${this.cursorRow}A` : '';
    this.output.write(`${up}\r\x1b[J`);
    this.cursorRow = 0;
  }

  private draw(withHint = true): void {
    const columns = this.output.columns || 80;
    const mask = (text: string): string => (this.options.masked === true ? '*'.repeat([...text].length) : text);
    if (this.search !== undefined) {
      this.drawSearch(this.search, columns);
      return;
    }
    const { prompt } = this;
    const whole = prompt + mask(this.buffer.text);
    const end = positionAfter(whole, columns);
    let hint = '';
    if (withHint && this.buffer.atEnd && !this.buffer.empty) {
      hint = cut(this.options.hint(this.buffer.text), columns - end.column - 1);
    }
    const cursor = positionAfter(prompt + mask(this.buffer.beforeCursor), columns);
    let text = this.cursorRow > 0 ? `\x1b[${this.cursorRow}A` : '';
    text += `\r\x1b[J${whole}`;
    if (end.column === 0 && end.row > 0) text += '\r\n';
    if (hint !== '') text += this.options.colors ? `\x1b[90m${hint}\x1b[0m` : hint;
    if (end.row > cursor.row) text += `\x1b[${end.row - cursor.row}A`;
    text += '\r';
    if (cursor.column > 0) text += `\x1b[${cursor.column}C`;
    this.output.write(text);
    this.cursorRow = cursor.row;
  }

  private drawSearch({ forward, query, found }: Search, columns: number): void {
    const prompt = forward ? '(i-search): ' : '(reverse-i-search): ';
    const line = this.buffer.text;
    const start = found ? line.indexOf(query) : -1;
    const marked =
      start < 0 ? line : `\x1b[0m${line.slice(0, start)}\x1b[1m${query}\x1b[0m${line.slice(start + query.length)}`;
    const up = this.cursorRow > 0 ? `\x1b[${this.cursorRow}A` : '';
    this.output.write(`${up}\r\x1b[J${prompt}${marked}`);
    this.cursorRow = positionAfter(prompt + line, columns).row;
  }
}

function commonPrefix(words: readonly string[]): string {
  let prefix = words[0]!;
  for (const word of words) {
    let length = 0;
    while (length < prefix.length && prefix[length] === word[length]) length++;
    prefix = prefix.slice(0, length);
  }
  return prefix;
}

function cut(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  return columns < 4 ? '' : `${[...text].slice(0, columns - 1).join('')}…`;
}
