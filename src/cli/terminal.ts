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
  const { console } = session;
  const { stdin, stdout } = process;
  const preferences: Preferences = { hints: true, pager: true };
  const history = new History();
  history.load();
  loadPreferences(preferences, console);
  let hints: CommandHints = noHints;
  let hintsFor: unknown;

  const editor = new LineEditor(stdin, stdout, {
    colors: console.colors,
    ignoreLineFeed: !console.stdinTerminal,
    history: () => history.lines,
    hint: (line) => (preferences.hints && !session.debugging ? toText(hintWhileTyping(hints, toBytes(line))) : ''),
    async complete(beforeCursor) {
      const { complete } = await import('./hints/completion.js');
      const before = toBytes(beforeCursor);
      const { start, candidates } = await complete(session, hints, before);
      return { start: toText(before.slice(0, start)).length, candidates: candidates.map(toText) };
    },
  });

  function watch(): void {
    editor.setPrompt(session.prompt);
    const { connection } = session;
    if (connection === undefined || connection.lost !== undefined) return;
    connection.onIdleData = showArrived;
    if (hintsFor === connection || session.debugging) return;
    hintsFor = connection;
    // In the background, and a moment after the prompt, so that a person can type at once.
    const timer = setTimeout(() => {
      void loadCommandHints(session).then((loaded) => {
        if (loaded.commands.length > 0) hints = loaded;
        editor.refresh();
      });
    }, hintsDelayMs);
    timer.unref();
  }

  function showArrived(): void {
    // Replies are waited for; what comes while nobody waits and a line is read is a message.
    if (editor.reading) session.showArrived();
  }

  async function present(reply: Reply, asText: boolean): Promise<void> {
    if (!preferences.pager || !console.stdoutTerminal || session.subscribed || process.env.TERM === 'dumb') {
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
    else if (console.stdinTerminal && isLongerThanScreen(text, stdout))
      await showPaged(text, () => editor.readKey(), stdout);
    else console.write(text);
  }

  const onInterrupt = (): void => {
    if (session.abort()) return;
    console.flush();
    process.exit(1); // busy with something that cannot be given up
  };

  session.live = true;
  session.onChange = watch;
  session.present = present;
  session.aroundOutput = (print) =>
    editor.printAbove(() => {
      print();
      console.flush();
    });
  process.on('SIGINT', onInterrupt);
  watch();

  return {
    preferences,
    get hints() {
      return hints.commands.length > 0 ? hints : undefined;
    },
    remember: (line, secret) => history.add(toText(line), secret),
    async read() {
      for (;;) {
        const result = await editor.readLine(session.prompt);
        if ('line' in result) return toBytes(result.line);
        if (!session.subscribed || result.ended === 'closed') return undefined;
        // The first Ctrl-C leaves the subscription, the next the program.
        await session.connect();
      }
    },
    clearScreen: () => stdout.write('\x1b[H\x1b[2J'),
    close() {
      process.removeListener('SIGINT', onInterrupt);
      editor.close();
      session.live = false;
      session.onChange = () => undefined;
      session.present = (reply, asText) => session.show(reply, asText);
      session.aroundOutput = (print) => print();
    },
  };
}

/** Input as bytes, output as text. */
function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function toText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}
