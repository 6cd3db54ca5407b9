// lan: hosts with addresses of their own on one Ethernet, made of network namespaces, veth pairs and a bridge.
//
// It needs root and a system that allows namespaces; `lanMissing` says why not.

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '../peer.js';

const execute = promisify(execFile);
const LOG_BYTES_MAX = 1 << 20;

function ip(...words: string[]): string {
  return execFileSync('ip', words, { encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** For the `skip` option of a test: false, or the reason. A machine that may not have the right need not have the programs either, in CI too. */
export function lanMissing(...programs: string[]): string | false {
  if (process.platform !== 'linux') return 'network namespaces are a matter of Linux';
  const missing = ['ip', ...programs].filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) return `not on the PATH: ${missing.join(', ')}`;
  const name = `kvasir-try-${process.pid}`;
  try {
    ip('netns', 'add', name);
    ip('netns', 'exec', name, 'ip', 'link', 'add', 'try0', 'type', 'veth', 'peer', 'name', 'try1');
    ip('netns', 'exec', name, 'ip', 'link', 'add', 'try2', 'type', 'bridge');
    return false;
  } catch (error) {
    return `no network namespaces here: ${String((error as { stderr?: string }).stderr ?? error).trim()}`;
  } finally {
    try {
      ip('netns', 'del', name);
    } catch {
      // It was never made.
    }
  }
}

let count = 0;

export class LanHost {
  private readonly children: ChildProcess[] = [];
  /** Output of its programs. */
  log = '';

  constructor(
    readonly space: string,
    readonly address: string,
    private readonly bridge: string,
    private readonly port: string,
  ) {}

  /** Starts a program that runs until the end of the test, or until it is killed. */
  start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.space, program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => (this.log = (this.log + bytes.toString('latin1')).slice(-LOG_BYTES_MAX)));
    this.children.push(child);
    return child;
  }

  /** Runs a program to its end, which must come soon; what it has printed. */
  async run(program: string, ...args: string[]): Promise<string> {
    const { stdout } = await execute('ip', ['netns', 'exec', this.space, program, ...args], { timeout: 5000 });
    return stdout.trim();
  }

  /** Asks a server by redis-cli. */
  ask(host: string, port: number, ...words: string[]): Promise<string> {
    return this.run('redis-cli', '-h', host, '-p', String(port), ...words);
  }

  async hasAddress(address: string): Promise<boolean> {
    return (await this.run('ip', '-o', 'addr', 'show', 'dev', 'eth0')).includes(` ${address}/`);
  }

  get hardwareAddress(): Promise<string> {
    return this.run('cat', '/sys/class/net/eth0/address');
  }

  /** Pulls the cable, or plugs it in. */
  plug(isIn: boolean): void {
    ip('netns', 'exec', this.bridge, 'ip', 'link', 'set', this.port, isIn ? 'up' : 'down');
  }

  async stop(): Promise<void> {
    const running = this.children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    const ended = running.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of running) child.kill('SIGKILL');
    await Promise.all(ended);
  }
}

export class Lan {
  readonly hosts: LanHost[] = [];
  private readonly bridge: string;
  private readonly tag = `kv${process.pid}x${count++}`;

  constructor() {
    this.bridge = `${this.tag}-bridge`;
    ip('netns', 'add', this.bridge);
    const inside = ['netns', 'exec', this.bridge, 'ip', 'link'];
    ip(...inside, 'add', 'br0', 'type', 'bridge');
    ip(...inside, 'set', 'br0', 'up');
  }

  /** A host at 10.77.0.NUMBER/24 whose only interface is eth0. */
  addHost(number: number): LanHost {
    const space = `${this.tag}-${number}`;
    const port = `port${number}`;
    const host = new LanHost(space, `10.77.0.${number}`, this.bridge, port);
    ip('netns', 'add', space);
    this.hosts.push(host);
    const inside = ['netns', 'exec', space, 'ip'];
    ip(...inside, 'link', 'set', 'lo', 'up');
    ip(...inside, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port, 'netns', this.bridge);
    ip(...inside, 'addr', 'add', `${host.address}/24`, 'dev', 'eth0');
    ip(...inside, 'link', 'set', 'eth0', 'up');
    const bridge = ['netns', 'exec', this.bridge, 'ip', 'link', 'set', port];
    ip(...bridge, 'master', 'br0');
    ip(...bridge, 'up');
    return host;
  }

  async stop(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.stop()));
    for (const { space } of this.hosts) ip('netns', 'del', space);
    ip('netns', 'del', this.bridge);
  }
}
