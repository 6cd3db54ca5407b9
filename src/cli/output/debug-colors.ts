// debug-colors: the lines of the Lua debugger, coloured by what they report; as redis-cli does in pipes too, when the
// terminal (TERM) knows colours.

const tags: readonly [string, string][] = [
  ['<retval>', '0;35'],
  ['<value>', '0;35'],
  ['<hint>', '1;37'],
  ['<error>', '0;31'],
  ['<reply>', '0;36'],
  ['<redis>', '0;32'],
  ['<debug>', '1;37'],
];

export function colorDebugLine(text: string): string {
  let code = '0;37';
  for (const [tag, color] of tags) {
    if (!text.includes(tag)) continue;
    code = color;
    break;
  }
  if (/^.{3}\d/.test(text)) {
    if (text[1] === '>')
      code = '0;33'; // the line that runs next
    else if (text[2] === '#') code = '1;37'; // a breakpoint
  }
  return `\x1b[${code};49m${text}\x1b[0m`;
}

export function wantsDebugColors(): boolean {
  return (process.env.TERM ?? '').includes('xterm') && (process.env.NO_COLOR ?? '') === '';
}
