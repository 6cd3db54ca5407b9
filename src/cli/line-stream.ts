// line-stream: the prompt's lines from a pipe or file: no prompt, no history. While subscribed, messages are shown as they
// come; after the last line they are all that is waited for.
import { ConnectionLost } from '../client/connection.js';
import { Exit } from './exit.js';
import type { LineSource } from './line-source.js';
import type { Session } from './session.js';

const readingNotice = 'Reading messages... (press Ctrl-C to quit or any key to type command)\r';
const eraseNotice = '\x1b[K';

export function openLineStream(session: Session): LineSource {
  const { stdin } = process;
  const { console, options } = session;
  const chunks = stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let text = '';
  let searched = 0;
  let ended = false;

  /** The next line that is whole, or the last one without its end. */
  async function nextLine(): Promise<string | undefined> {
    for (;;) {
      const end = text.indexOf('\n', searched);
      if (end >= 0 || (ended && text !== '')) {
        const line = end < 0 ? text : text.slice(0, end);
        text = end < 0 ? '' : text.slice(end + 1);
        searched = 0;
        return line.replace(/\r$/, '');
      }
      if (ended) return undefined;
      searched = text.length;
      const { value, done } = await chunks.next();
      if (done === true) ended = true;
      else text += value.toString('latin1');
    }
  }

  async function nextLineWhileSubscribed(): Promise<string | undefined> {
    const notices = console.formatsForTerminal && options.output !== 'raw';
    const { connection } = session;
    const showArrived = (): void => {
      if (notices) console.write(eraseNotice);
      session.showArrived();
      if (notices) console.write(readingNotice);
      console.flush();
    };
    if (connection === undefined) return nextLine();
    session.showArrived();
    if (notices) console.write(readingNotice);
    console.flush();
    connection.onIdleData = showArrived;
    const lost = new Promise<never>((_resolve, reject) => (connection.onLost = reject));
    const line = await Promise.race([nextLine(), lost]).catch((error: unknown) => {
      if (!(error instanceof ConnectionLost)) throw error;
      console.complain(`Error: ${error.message}\n`);
      throw new Exit(1);
    });
    lost.catch(() => undefined);
    connection.onIdleData = undefined;
    connection.onLost = undefined;
    if (line === undefined) await session.readMessages();
    else if (notices) console.write(eraseNotice);
    return line;
  }

  return {
    hints: undefined,
    preferences: { hints: false, pager: false },
    remember: () => undefined,
    read: () => (session.subscribed ? nextLineWhileSubscribed() : nextLine()),
    clearScreen() {
      if (console.formatsForTerminal) console.write('\x1b[H\x1b[2J');
    },
    close: () => stdin.pause(),
  };
}
