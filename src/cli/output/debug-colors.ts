// debug-colors: the lines of the Lua debugger, coloured by what they report.

const tags: readonly [string, string][] = [
  ['<retval>', '35'],
  ['<value>', '35'],
  ['<hint>', '1'],
  ['<error>', '31'],
  ['<reply>', '36'],
  ['<redis>', '32'],
  ['<debug>', '1'],
];

export function colorDebugLine(text: string): string {
  let code = '37';
  for (const [tag, color] of tags) {
    if (!text.includes(tag)) continue;
    code = color;
    break;
  }
  if (/^.{3}\d/.test(text)) {
    if (text[1] === '>') code = '33'; // the line that runs next
    else if (text[2] === '#') code = '1'; // a breakpoint
  }
  return `\x1b[${code}m${text}\x1b[0m`;
}
