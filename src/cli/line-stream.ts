// line-stream: the prompt's lines from a pipe or file: no prompt, no history.
import type { LineSource } from './prompt.js';
import type { Session } from './session.js';

export function openLineStream(session: Session): LineSource {
  const { stdin } = process;
  // Tests of redis-cli ask so for the prompt without having a terminal.
  const showPrompt = process.env.FAKETTY_WITH_PROMPT !== undefined;
  const chunks = stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let text = '';
  let searched = 0;
  let ended = false;
  return {
    hints: undefined,
    preferences: { hints: false, pager: false },
    remember: () => undefined,
    async read() {
      if (showPrompt) {
        session.console.write(session.prompt);
        session.console.flush();
      }
      for (;;) {
        const end = text.indexOf('\n', searched);
        if (end >= 0) {
          const line = text.slice(0, end).replace(/\r$/, '');
          text = text.slice(end + 1);
          searched = 0;
          return line;
        }
        searched = text.length;
        if (ended) {
          const line = text;
          text = '';
          searched = 0;
          return line === '' ? undefined : line;
        }
        const { value, done } = await chunks.next();
        if (done === true) ended = true;
        else text += value.toString('latin1');
      }
    },
    clearScreen() {
      if (session.console.formatsForTerminal) session.console.write('\x1b[H\x1b[2J');
    },
    close: () => stdin.pause(),
  };
}
