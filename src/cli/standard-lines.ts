// standard-lines: standard input line by line, for programs that ask questions: a person types, or a pipe has the answers.

export class StandardLines {
  private text = '';
  private isEnded = false;
  private isListening = false;
  private wake: (() => void) | undefined;

  /** The next line without its end; undefined when there is none any more. */
  async read(): Promise<string | undefined> {
    this.listen();
    for (;;) {
      const end = this.text.indexOf('\n');
      if (end >= 0) {
        const line = this.text.slice(0, end).replace(/\r$/, '');
        this.text = this.text.slice(end + 1);
        return line;
      }
      if (this.isEnded) {
        const rest = this.text;
        this.text = '';
        return rest === '' ? undefined : rest;
      }
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private listen(): void {
    if (this.isListening) return;
    this.isListening = true;
    const { stdin } = process;
    const ended = (): void => {
      this.isEnded = true;
      this.wake?.();
    };
    stdin.setEncoding('utf8');
    stdin.on('data', (chunk: string) => {
      this.text += chunk;
      this.wake?.();
    });
    stdin.on('end', ended);
    stdin.on('error', ended);
  }
}
