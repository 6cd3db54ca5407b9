// ask-password: a password from the terminal, shown as stars; from a pipe it is the first line.
import { readStandardInput } from '../command-input.js';
import { Exit } from '../exit.js';
import { LineEditor } from './line-editor.js';

export async function askPassword(prompt: string): Promise<string> {
  const { stdin, stdout } = process;
  if (!stdin.isTTY) return readStandardInput().toString().split('\n')[0]!.replace(/\r$/, '');
  const editor = new LineEditor(stdin, stdout, {
    history: () => [],
    complete: () => Promise.resolve({ start: 0, candidates: [] }),
    hint: () => '',
    colors: false,
    masked: true,
  });
  const result = await editor.readLine(prompt);
  editor.close();
  if ('ended' in result) throw new Exit(1);
  return result.line;
}
