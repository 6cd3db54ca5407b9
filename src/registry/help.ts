// help: the replies of HELP subcommands: a heading, each subcommand with indented lines about it, and HELP itself.

import type { ReplyWriter } from '../protocol/reply.js';

/** Replies with help; each entry is a subcommand's usage and the lines about it. */
export function replyHelp(
  call: { readonly reply: ReplyWriter },
  container: string,
  entries: readonly (readonly string[])[],
): void {
  const lines = [`${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`];
  for (const [usage, ...about] of entries) {
    lines.push(usage!);
    for (const line of about) lines.push(`    ${line}`);
  }
  lines.push('HELP', '    Print this help.');
  call.reply.array(lines.length);
  for (const line of lines) call.reply.simple(line);
}
