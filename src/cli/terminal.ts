// terminal: the prompt as a person sees it: editor, history, hints, messages above the line, Ctrl-C, paging.
import type { Reply } from '../client/reply.js';
import { LineEditor } from './editor/line-editor.js';
import type { CommandHints } from './hints/command-docs.js';
import { hintWhileTyping, loadCommandHints, noHints } from './hints/command-hints.js';
import { History } from './history.js';
import { isLongerThanScreen, showPaged } from './pager.js';
import { loadPreferences, type Preferences } from './preferences.js';
import type { LineSource } from './line-source.js';
import type { Session } from './session.js';

/** Replies up to this size are laid out to see whether they need paging; larger ones are written as they are. */
const pagedBytesMax = 8 * 1024 * 1024;

const hintsDelayMs = 50;

export function openTerminal(session: Session): LineSource {
  return new Terminal(session);
}

class Terminal implements LineSource {
  readonly preferences: Preferences = { hints: true, pager: true };
  private readonly history = new History();
  private readonly editor: LineEditor;
  private loadedHints: CommandHints = noHints;
  /** The connection whose server gave the hints. */
  private hintsFor: unknown;

  constructor(private readonly session: Session) {
    const { console } = session;
    this.history.load();
    loadPreferences(this.preferences, console);
    this.editor = this.makeEditor();
    session.live = true;
    session.onChange = () => this.watch();
    session.present = (reply, asText) => this.present(reply, asText);
    session.aroundOutput = (print) =>
      this.editor.printAbove(() => {
        print();
        console.flush();
      });
    process.on('SIGINT', this.onInterrupt);
    this.watch();
  }

  private makeEditor(): LineEditor {
    const { console } = this.session;
    return new LineEditor(process.stdin, process.stdout, {
      colors: console.colors,
      ignoreLineFeed: !console.stdinTerminal,
      history: () => this.history.lines,
      hint: (line) =>
        this.preferences.hints && !this.session.debugging
          ? toText(hintWhileTyping(this.loadedHints, toBytes(line)))
          : '',
      complete: async (beforeCursor) => {
        const { complete } = await import('./hints/completion.js');
        const before = toBytes(beforeCursor);
        const { start, candidates } = await complete(this.session, this.loadedHints, before);
        return { start: toText(before.slice(0, start)).length, candidates: candidates.map(toText) };
      },
    });
  }

  private readonly onInterrupt = (): void => {
    if (this.session.abort()) return;
    this.session.console.flush();
    process.exit(1); // busy with something that cannot be given up
  };

  /** The connection, the database or the mode may have changed. */
  private watch(): void {
    const { session, editor } = this;
    editor.setPrompt(session.prompt);
    const { connection } = session;
    if (connection === undefined || connection.lost !== undefined) return;
    // Replies are waited for; what comes while nobody waits and a line is read is a message.
    connection.onIdleData = () => {
      if (editor.reading) session.showArrived();
    };
    if (this.hintsFor === connection || session.debugging) return;
    this.hintsFor = connection;
    // In the background, and a moment after the prompt, so that a person can type at once.
    const timer = setTimeout(() => {
      void loadCommandHints(session).then((loaded) => {
        if (loaded.commands.length > 0) this.loadedHints = loaded;
        editor.refresh();
      });
    }, hintsDelayMs);
    timer.unref();
  }

  private async present(reply: Reply, asText: boolean): Promise<void> {
    const { session } = this;
    const { console } = session;
    if (!this.preferences.pager || !console.stdoutTerminal || session.subscribed || process.env.TERM === 'dumb') {
      session.show(reply, asText);
      return;
    }
    let text = '';
    let tooLarge = false;
    const collect = {
      write(part: string): void {
        if (text.length < pagedBytesMax) text += part;
        else tooLarge = true;
      },
      writeBytes(bytes: Uint8Array): void {
        this.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
      },
    };
    session.writer.write(collect, reply, asText);
    console.flush();
    if (tooLarge) session.show(reply, asText);
    else if (console.stdinTerminal && isLongerThanScreen(text, process.stdout))
      await showPaged(text, () => this.editor.readKey(), process.stdout);
    else console.write(text);
  }

  get hints(): CommandHints | undefined {
    return this.loadedHints.commands.length > 0 ? this.loadedHints : undefined;
  }

  remember(line: string, secret: boolean): void {
    this.history.add(toText(line), secret);
  }

  async read(): Promise<string | undefined> {
    const { session, editor } = this;
    for (;;) {
      const result = await editor.readLine(session.prompt);
      if ('line' in result) return toBytes(result.line);
      if (!session.subscribed || result.ended === 'closed') return undefined;
      // The first Ctrl-C leaves the subscription, the next the program.
      await session.connect();
    }
  }

  clearScreen(): void {
    process.stdout.write('\x1b[H\x1b[2J');
  }

  close(): void {
    const { session } = this;
    process.removeListener('SIGINT', this.onInterrupt);
    this.editor.close();
    session.live = false;
    session.onChange = () => undefined;
    session.present = (reply, asText) => session.show(reply, asText);
    session.aroundOutput = (print) => print();
  }
}

/** Input as bytes, output as text. */
function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function toText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}
