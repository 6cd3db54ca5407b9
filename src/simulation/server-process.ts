// server-process: a whole Kvasir server as the process of a simulated host.

import { attachCluster } from '../cluster/cluster.js';
import { collectDirectives, launch, type RunningServer } from '../server/start.js';
import { Config } from '../service/config/config.js';
import { ConfigReader, linesOfOptions } from '../service/config/file.js';
import type { Host } from './host.js';
import { simulatedEnvironment } from './simulated-environment.js';

/** Directives by name, as in startServer. */
export type Directives = Readonly<Record<string, string | number | boolean>>;

export class ServerProcess {
  running: RunningServer | undefined;
  /** Called when the server begins to serve; tests plant bugs here. */
  onServing: (running: RunningServer) => void = () => undefined;
  private boots = 0;

  /** `port` is 6379 unless the directives say otherwise. */
  constructor(
    readonly host: Host,
    readonly directives: Directives,
    private readonly onLog: (line: string) => void = () => undefined,
  ) {}

  get port(): number {
    return Number(this.directives.port ?? 6379);
  }

  /** Starts the server with what the host's disk holds. A start that fails ends the process and fails the world. */
  start(): void {
    const { host } = this;
    this.running = undefined;
    host.boot(() => {
      this.launch().then(
        (running) => {
          this.running = running;
          this.onServing(running);
          host.world.note(host.name, 'serves');
        },
        (error: Error) => {
          host.kill();
          host.world.fail(new Error(`${host.name} does not start: ${error.message}`));
        },
      );
    });
  }

  get serves(): boolean {
    return this.host.isUp && this.running !== undefined;
  }

  private async launch(): Promise<RunningServer> {
    const { host } = this;
    const config = new Config('/data');
    const collected = collectDirectives();
    const lines = { bind: '*', 'protected-mode': 'no', port: 6379, pidfile: '', ...this.directives };
    new ConfigReader(config, host.files, collected).load(undefined, '', linesOfOptions(lines));
    host.files.makeFolder('/data');
    this.boots++;
    const environment = simulatedEnvironment(host, this.boots);
    return launch({
      config,
      environment,
      attach: attachCluster,
      renamed: collected.renamed,
      users: collected.users,
      log: (level, text) => this.onLog(`${level} ${text}`),
    });
  }
}
