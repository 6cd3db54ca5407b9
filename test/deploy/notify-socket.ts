// notify-socket: systemd's side of sd_notify for tests: a unix datagram socket, as NOTIFY_SOCKET names one.
//
// Node has no datagram sockets in the file system, so Perl, which every Debian has, receives and prints what comes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const program = `
use Socket; $| = 1;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($s, pack_sockaddr_un($ARGV[0])) or die $!;
print "open\\n";
while (defined recv($s, my $text, 4096, 0)) { $text =~ s/\\n/ | /g; print "$text\\n"; }
`;

export interface NotifySocket {
  /** Resolves when a message holds the text. */
  has(text: string): Promise<void>;
  /** All messages so far, without those by which systemd-notify waits for the end of its own. */
  readonly messages: readonly string[];
  close(): Promise<void>;
}

export async function openNotifySocket(path: string): Promise<NotifySocket> {
  const child = spawn('perl', ['-e', program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const messages: string[] = [];
  let arrived = (): void => undefined;
  await once(lines, 'line');
  lines.on('line', (line) => {
    if (!line.startsWith('BARRIER=')) messages.push(line);
    arrived();
  });
  return {
    messages,
    async has(text) {
      while (!messages.some((message) => message.includes(text)))
        await new Promise<void>((resolve) => (arrived = resolve));
    },
    async close() {
      if (child.exitCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
