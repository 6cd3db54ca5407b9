// keepalived-notify: the script that keepalived calls when the virtual address comes or goes: the server here becomes
// the master, or follows the server that has the address now.
//
// keepalived appends `INSTANCE <name> MASTER|BACKUP|FAULT <priority>` to the words of `notify`; `notify_master` and its kin append
// nothing, so the state may also be given alone.

import { systemErrorText } from '../base/system-error.js';
import { Connection, ConnectionLost } from '../client/connection.js';
import { ConnectError } from '../client/open-stream.js';
import { type Reply, replyText } from '../client/reply.js';

export const keepalivedUsage = `Usage: kvasir-server keepalived-notify --peer HOST:PORT [options] [INSTANCE NAME] master|backup|fault|stop

  --peer HOST:PORT   the server on the other host, which this one follows when it is the backup
  --host HOST        where the server here listens (default: 127.0.0.1)
  --port PORT        its port (default: 6379)
  --user NAME        user to authenticate as
  --pass PASSWORD    password; REDISCLI_AUTH in the environment serves as well

In keepalived.conf:  notify "/usr/bin/kvasir-server keepalived-notify --peer 10.0.0.2:6379"
`;

interface Options {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly pass: string;
  readonly peerHost: string;
  readonly peerPort: number;
  readonly state: string;
}

const CONNECT_MS_MAX = 5000;

/** The text says what is wrong with the words. */
export function parseNotifyWords(args: readonly string[], environmentPass = ''): Options | string {
  const values: Record<string, string> = {
    '--host': '127.0.0.1',
    '--port': '6379',
    '--user': '',
    '--pass': environmentPass,
  };
  const rest: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const word = args[index]!;
    if (!word.startsWith('--')) rest.push(word);
    else if (!['--host', '--port', '--user', '--pass', '--peer'].includes(word)) return `unknown option ${word}`;
    else if (index + 1 >= args.length) return `${word} needs a value`;
    else values[word] = args[++index]!;
  }
  const named = /^(instance|group)$/i.test(rest[0] ?? '');
  const state = (named ? rest[2] : rest[0])?.toLowerCase() ?? '';
  if (!/^(master|backup|fault|stop)$/.test(state)) return `the state must be master, backup, fault or stop`;
  const peer = /^(.+):(\d{1,5})$/.exec(values['--peer'] ?? '');
  if (peer === null) return '--peer HOST:PORT is missing';
  const port = Number(values['--port']);
  const peerPort = Number(peer[2]);
  if (![port, peerPort].every((each) => Number.isInteger(each) && each > 0 && each < 65536))
    return 'a port is 1 to 65535';
  const peerHost = peer[1]!.replace(/^\[(.*)\]$/, '$1');
  return { host: values['--host']!, port, user: values['--user']!, pass: values['--pass']!, peerHost, peerPort, state };
}

/** Returns the exit code: 0 done, 1 the server refuses or cannot be reached, 2 wrong words. */
export async function notifyFromKeepalived(
  args: readonly string[],
  environmentPass: string,
  say: (text: string) => void,
): Promise<number> {
  if (args[0] === '-h' || args[0] === '--help') {
    say(keepalivedUsage);
    return 0;
  }
  const options = parseNotifyWords(args, environmentPass);
  if (typeof options === 'string') {
    say(`keepalived-notify: ${options}\n\n${keepalivedUsage}`);
    return 2;
  }
  // With the address lost for a fault, the data here stays as it is until the state is known again.
  if (options.state === 'fault' || options.state === 'stop') return 0;
  const order =
    options.state === 'master' ? ['SLAVEOF', 'NO', 'ONE'] : ['SLAVEOF', options.peerHost, String(options.peerPort)];
  const where = `${options.host}:${options.port}`;
  try {
    const { host, port } = options;
    const connection = await Connection.open({ host, port, timeoutMs: CONNECT_MS_MAX });
    const ask = async (...words: string[]): Promise<Reply> => connection.call(...words);
    if (options.pass !== '') {
      const refused = await ask('AUTH', ...(options.user === '' ? [] : [options.user]), options.pass);
      if (refused.kind === 'error') return fail(say, where, 'AUTH', refused);
    }
    const reply = await ask(...order);
    if (reply.kind === 'error') return fail(say, where, order.join(' '), reply);
    // A restart must not undo it; a server without a config file has nothing to write.
    await ask('CONFIG', 'REWRITE');
    connection.close();
    say(`${where}: ${order.join(' ')}\n`);
    return 0;
  } catch (error) {
    const isExpected = error instanceof ConnectError || error instanceof ConnectionLost;
    say(`${where}: ${isExpected ? error.message : systemErrorText(error)}\n`);
    return 1;
  }
}

function fail(say: (text: string) => void, where: string, what: string, reply: Reply): number {
  say(`${where}: ${what}: ${replyText(reply)}\n`);
  return 1;
}
