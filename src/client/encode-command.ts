// encode-command: a command as it goes over the wire, an array of bulk strings.

/** A string argument is sent as UTF-8; bytes as they are. */
export type CommandArgument = string | Uint8Array;

const newline = '\r\n';

export function encodeCommand(args: readonly CommandArgument[]): Buffer {
  const parts = args.map((argument) => (typeof argument === 'string' ? Buffer.from(argument) : argument));
  const headers = parts.map((part) => `$${part.length}${newline}`);
  const count = `*${parts.length}${newline}`;
  let total = count.length;
  for (let index = 0; index < parts.length; index++) total += headers[index]!.length + parts[index]!.length + 2;
  const bytes = Buffer.allocUnsafe(total);
  let position = bytes.write(count, 0, 'latin1');
  for (let index = 0; index < parts.length; index++) {
    position += bytes.write(headers[index]!, position, 'latin1');
    bytes.set(parts[index]!, position);
    position += parts[index]!.length;
    position += bytes.write(newline, position, 'latin1');
  }
  return bytes;
}
