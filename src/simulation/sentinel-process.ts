// sentinel-process: a whole sentinel as the process of a simulated host, with its config file on the host's disk.

import { latin1Bytes } from '../base/bytes.js';
import { replaceFile } from '../io/files.js';
import { ipVersion } from '../io/ip-address.js';
import { collectSentinelDirectives } from '../sentinel/directives.js';
import { launchSentinel, type RunningSentinel } from '../sentinel/launch.js';
import type { Resolve } from '../sentinel/names.js';
import type { SentinelServer } from '../sentinel/sentinel-server.js';
import { Config } from '../service/config/config.js';
import { ConfigReader } from '../service/config/file.js';
import type { Host } from './host.js';
import { simulatedEnvironment } from './simulated-environment.js';

/** In the root, because `dir` must be a folder of the real machine too. */
const FILE = '/sentinel.conf';

export class SentinelProcess {
  running: RunningSentinel | undefined;
  /** The name server that this sentinel asks; it knows nobody unless a scenario says otherwise. */
  resolve: Resolve = (name) => Promise.reject(new Error(`no name server knows ${name}`));
  private boots = 0;

  /** `lines` are the config file at the first start. */
  constructor(
    readonly host: Host,
    private readonly lines: readonly string[],
    private readonly onLog: (process: SentinelProcess, line: string) => void = () => undefined,
  ) {}

  get server(): SentinelServer | undefined {
    return this.host.isUp ? this.running?.server : undefined;
  }

  /** Starts the sentinel with what the host's disk holds. A start that fails ends the process and fails the world. */
  start(): void {
    const { host } = this;
    this.running = undefined;
    host.boot(() => {
      this.launch().then(
        (running) => {
          this.running = running;
          host.world.note(host.name, 'watches');
        },
        (error: Error) => {
          host.kill();
          host.world.fail(new Error(`${host.name} does not start: ${error.message}`));
        },
      );
    });
  }

  private async launch(): Promise<RunningSentinel> {
    const { host } = this;
    const { files } = host;
    if (files.sizeOf(FILE) < 0) replaceFile(files, FILE, `${FILE}.new`, latin1Bytes(`${this.lines.join('\n')}\n`));
    const config = new Config('/');
    config.file = FILE;
    config.number('port').set(26379n);
    config.flag('protected-mode').assign(['no']);
    const directives = collectSentinelDirectives(FILE);
    new ConfigReader(config, files, directives).load(FILE, '', '');
    this.boots++;
    const environment = simulatedEnvironment(host, this.boots);
    return launchSentinel({
      environment,
      config,
      lines: directives.lines,
      users: directives.users,
      renamed: directives.renamed,
      log: (level, text) => this.onLog(this, `${level} ${text}`),
      dial: (address, port, events) => host.network.connect({ host: address, port, timeoutMs: 0 }, events),
      resolve: (name) => (ipVersion(name) !== 0 ? Promise.resolve([name]) : this.resolve(name)),
      spawn: () => undefined,
      isExecutable: () => true,
      addressHost: { addresses: () => [host.address], run: () => Promise.resolve(undefined) },
      history: undefined,
      setLogLevel: () => undefined,
      exit: () => host.kill(),
    });
  }
}
