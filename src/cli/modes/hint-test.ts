// hint-test: --test_hint and --test_hint_file show what the prompt would hint, for checks of command declarations.
import { readFileSync } from 'node:fs';
import { splitWords } from '../../base/quoting.js';
import { systemErrorText } from '../../base/system-error.js';
import type { Console } from '../console.js';
import { hintForLine, loadCommandHints } from '../hints/command-hints.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';

export async function runHintTest(session: Session, options: CliOptions, console: Console): Promise<number> {
  await session.connect(true);
  const hints = await loadCommandHints(session);
  if (options.testHint !== undefined) {
    console.write(`${hintForLine(hints, options.testHint) ?? ''}\n`);
    return 0;
  }
  let text: string;
  try {
    text = readFileSync(options.testHintFile!, 'latin1');
  } catch (error) {
    console.complain(`Can't open file '${options.testHintFile}': ${systemErrorText(error)}\n`);
    return 1;
  }
  let passed = 0;
  let failed = 0;
  for (const line of text.split('\n')) {
    const [input, expected] = line.startsWith('#') ? [] : (splitWords(line) ?? []);
    if (input === undefined) continue;
    if (expected === undefined) {
      console.complain(`Missing expected hint for input '${input}'\n`);
      return 1;
    }
    const hint = (hintForLine(hints, input) ?? '').trimEnd();
    if (hint === expected) {
      passed++;
      continue;
    }
    failed++;
    console.complain(`Test case '${input}' FAILED: expected '${expected}', got '${hint}'\n`);
  }
  console.write(`${failed === 0 ? 'SUCCESS' : 'FAILURE'}: ${passed}/${passed + failed} passed\n`);
  return Math.min(failed, 255);
}
