// run: kvasir-cluster, a whole Redis Cluster on this machine for development.
//
// The folder holds cluster.json, which tells what was started, and a folder for each node with its data and log.
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemErrorText } from '../../base/system-error.js';
import { cliDialect } from '../../manager/dialect.js';
import { readManagerOptions } from '../../manager/options.js';
import { parseNodesText, NodesTextError, type NodeLine } from '../../manager/nodes-text.js';
import { runManager } from '../../manager/run-manager.js';
import { Console } from '../console.js';
import { managerEnvironment } from '../manager-environment.js';
import {
  askLocal,
  askProcessId,
  lastLog,
  startProcess,
  stopNode,
  waitUntilReady,
  type LocalNode,
} from './local-node.js';
import { localUsage, parseLocalCommandLine, type LocalOptions } from './options.js';

const stateFile = 'cluster.json';
/** Until the nodes have found each other and agreed, also on a slow machine. */
const servingMsMax = 120_000;
const lookMs = 50;

/** The content of cluster.json. */
interface State {
  readonly host: string;
  readonly port: number;
  readonly masters: number;
  readonly replicas: number;
  readonly server: readonly string[];
  readonly words: readonly string[];
  readonly hasPassword: boolean;
  /** The nodes have been joined. */
  isJoined: boolean;
  pids: (number | null)[];
}

/** Runs the program with the words after its name; returns the exit status. `server`: the program of kvasir-server. */
export async function runLocalCluster(words: readonly string[], server: readonly string[]): Promise<number> {
  const console = new Console();
  try {
    const parsed = parseLocalCommandLine(words);
    if (parsed.kind === 'help') {
      console.print(localUsage);
      return parsed.status;
    }
    if (parsed.kind === 'refuse') {
      console.complain(`${parsed.text}\nTry kvasir-cluster --help for more information.\n`);
      return 1;
    }
    const { command, options } = parsed;
    const cluster = new LocalCluster(console, options, server);
    return await cluster[command]();
  } finally {
    console.flush();
  }
}

class LocalCluster {
  constructor(
    private readonly console: Console,
    private readonly options: LocalOptions,
    private readonly kvasirServer: readonly string[],
  ) {}

  async start(): Promise<number> {
    const { options } = this;
    const old = this.load();
    if (old === 'bad') return 1;
    if (old?.hasPassword === true && options.password === undefined)
      return this.refuse('This cluster has a password: give it by --password or REDISCLI_AUTH.');
    const state: State = old ?? {
      host: options.host,
      port: options.port,
      masters: options.masters,
      replicas: options.replicas,
      server: options.server ?? this.kvasirServer,
      words: options.serverWords,
      hasPassword: options.password !== undefined,
      isJoined: false,
      pids: new Array<number | null>(options.masters * (1 + options.replicas)).fill(null),
    };
    if (old !== undefined && !this.isSameShape(old)) return 1;
    const nodes = this.nodesOf(state);
    const started: LocalNode[] = [];
    for (const node of nodes) {
      if (node.pid !== undefined && (await askProcessId(node)) === node.pid) continue;
      try {
        startProcess(node, options.server ?? state.server, this.serverWords(state, node));
      } catch (error) {
        await this.giveUp(state, nodes, started);
        return this.refuse(`Node ${node.port} cannot be started: ${systemErrorText(error)}`);
      }
      started.push(node);
      this.save(state, nodes);
    }
    for (const node of started) {
      const problem = await waitUntilReady(node);
      if (problem === undefined) continue;
      this.console.complain(`Node ${node.port}: ${problem}. Its log ends so:\n${lastLog(node)}\n`);
      await this.giveUp(state, nodes, started);
      return 1;
    }
    if (!state.isJoined) {
      if (!(await this.join(state, nodes))) {
        await this.giveUp(state, nodes, started);
        return 1;
      }
      state.isJoined = true;
      this.save(state, nodes);
    }
    if (!(await waitUntilServing(nodes)))
      return this.refuse(
        'The nodes run, but the cluster does not serve: kvasir-cluster status tells which node is not ok.',
      );
    const verb = started.length === 0 ? 'runs already' : 'runs';
    this.console.print(
      `The cluster ${verb}: ${state.masters} masters with ${state.replicas} replicas each, ports ${state.port} to ${state.port + nodes.length - 1}.\n` +
        `  connect: kvasir-cli -c -p ${state.port}\n  data and logs: ${options.folder}\n`,
    );
    return 0;
  }

  async stop(): Promise<number> {
    const state = this.load();
    if (state === 'bad') return 1;
    if (state === undefined) return this.refuse(`There is no cluster in ${this.options.folder}.`);
    const isStopped = await this.stopAll(state);
    if (isStopped)
      this.console.print(`Stopped ${state.pids.length} nodes. kvasir-cluster start goes on with their data.\n`);
    return isStopped ? 0 : 1;
  }

  async clean(): Promise<number> {
    const state = this.load();
    if (state === 'bad') return 1;
    if (state === undefined) {
      this.console.print(`There is no cluster in ${this.options.folder}.\n`);
      return 0;
    }
    if (!(await this.stopAll(state))) return 1;
    this.remove(this.nodesOf(state));
    this.console.print(`Removed the cluster in ${this.options.folder}.\n`);
    return 0;
  }

  async status(): Promise<number> {
    const state = this.load();
    if (state === 'bad') return 1;
    if (state === undefined) return this.refuse(`There is no cluster in ${this.options.folder}.`);
    const nodes = this.nodesOf(state);
    const views = await Promise.all(nodes.map((node) => viewOf(node)));
    const isGood = views.every((view) => view.state === 'ok');
    if (this.options.json) {
      this.console.print(
        `${JSON.stringify({ ok: isGood, folder: this.options.folder, nodes: views }, undefined, 2)}\n`,
      );
      return isGood ? 0 : 1;
    }
    for (const { port, pid, role, slots, keys, state: nodeState } of views) {
      const about = role === undefined ? '' : `${role}, ${slots} slots, ${keys} keys, `;
      this.console.print(`${port}  ${pid === undefined ? 'no process' : `process ${pid}`}  ${about}${nodeState}\n`);
    }
    this.console.print(isGood ? 'The cluster is ok.\n' : 'The cluster is not ok.\n');
    return isGood ? 0 : 1;
  }

  private async join(state: State, nodes: readonly LocalNode[]): Promise<boolean> {
    const { options, console } = this;
    const environment = managerEnvironment(console, {}, { password: options.password });
    const given = new Map([
      ['yes', []],
      ['replicas', [String(state.replicas)]],
    ]);
    const addresses = nodes.map(({ host, port }) => `${host}:${port}`);
    return (await runManager('create', addresses, readManagerOptions(given), cliDialect, environment)) === 0;
  }

  private serverWords(state: State, node: LocalNode): string[] {
    const { options } = this;
    const words = [
      ...[
        '--port',
        String(node.port),
        '--bind',
        state.host,
        '--dir',
        node.folder,
        '--logfile',
        join(node.folder, 'node.log'),
      ],
      ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
      ...['--cluster-node-timeout', String(options.nodeTimeoutMs), '--appendonly', 'yes', '--daemonize', 'no'],
    ];
    if (options.password !== undefined) words.push('--requirepass', options.password, '--masterauth', options.password);
    return [...words, ...state.words];
  }

  private nodesOf(state: State): LocalNode[] {
    return state.pids.map((pid, index) => ({
      host: state.host,
      port: state.port + index,
      folder: join(this.options.folder, String(state.port + index)),
      password: this.options.password,
      pid: pid ?? undefined,
    }));
  }

  private isSameShape(old: State): boolean {
    const { masters, replicas } = this.options;
    const isDefault = masters === 3 && replicas === 1;
    if (isDefault || (old.masters === masters && old.replicas === replicas)) return true;
    this.refuse(
      `The cluster in ${this.options.folder} has ${old.masters} masters with ${old.replicas} replicas each: clean it first, or take another --port or --dir.`,
    );
    return false;
  }

  private async stopAll(state: State): Promise<boolean> {
    const nodes = this.nodesOf(state);
    const problems = await Promise.all(nodes.map((node) => stopNode(node)));
    nodes.forEach((node, index) => {
      const problem = problems[index];
      if (problem === undefined) node.pid = undefined;
      else this.console.complain(`Node ${node.port}: ${problem}.\n`);
    });
    this.save(state, nodes);
    return problems.every((problem) => problem === undefined);
  }

  /** Ends what this call has started; of a cluster that never came about nothing stays. */
  private async giveUp(state: State, nodes: readonly LocalNode[], started: readonly LocalNode[]): Promise<void> {
    for (const node of started) if ((await stopNode(node)) === undefined) node.pid = undefined;
    this.save(state, nodes);
    if (state.isJoined || nodes.some(({ pid }) => pid !== undefined)) return;
    this.remove(nodes);
  }

  private remove(nodes: readonly LocalNode[]): void {
    for (const { folder } of nodes) rmSync(folder, { recursive: true, force: true });
    rmSync(join(this.options.folder, stateFile), { force: true });
    removeIfEmpty(this.options.folder);
  }

  private refuse(text: string): number {
    this.console.complain(`${text}\n`);
    return 1;
  }

  private load(): State | undefined | 'bad' {
    const path = join(this.options.folder, stateFile);
    if (!existsSync(path)) return undefined;
    try {
      const state = JSON.parse(readFileSync(path, 'utf8')) as State;
      if (!Array.isArray(state.pids) || !Number.isInteger(state.port) || !Array.isArray(state.server))
        throw new Error();
      return state;
    } catch {
      this.refuse(`${path} is damaged: remove ${this.options.folder} by hand after ending its servers.`);
      return 'bad';
    }
  }

  private save(state: State, nodes: readonly LocalNode[]): void {
    mkdirSync(this.options.folder, { recursive: true });
    state.pids = nodes.map(({ pid }) => pid ?? null);
    const path = join(this.options.folder, stateFile);
    writeFileSync(`${path}.tmp`, `${JSON.stringify(state, undefined, 2)}\n`);
    renameSync(`${path}.tmp`, path);
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    return; // somebody keeps something else there
  }
}

/** Waits until each node serves; a cluster that starts again first counts votes. */
async function waitUntilServing(nodes: readonly LocalNode[]): Promise<boolean> {
  const giveUpMs = performance.now() + servingMsMax;
  for (;;) {
    const infos = await Promise.all(nodes.map((node) => askLocal(node, 'CLUSTER', 'INFO')));
    if (infos.every((info) => info?.includes('cluster_state:ok') === true)) return true;
    if (performance.now() > giveUpMs) return false;
    await sleep(lookMs);
  }
}

interface View {
  readonly port: number;
  readonly pid: number | undefined;
  readonly role: string | undefined;
  readonly slots: number;
  readonly keys: number;
  readonly state: string;
}

async function viewOf(node: LocalNode): Promise<View> {
  const down: View = { port: node.port, pid: undefined, role: undefined, slots: 0, keys: 0, state: 'down' };
  const pid = await askProcessId(node);
  if (pid === undefined) return down;
  if (pid !== node.pid) return { ...down, pid, state: 'another server has the port' };
  const [text, info, size] = await Promise.all([
    askLocal(node, 'CLUSTER', 'NODES'),
    askLocal(node, 'CLUSTER', 'INFO'),
    askLocal(node, 'DBSIZE'),
  ]);
  const self = ownLine(text ?? '');
  const state = /^cluster_state:(\w+)/m.exec(info ?? '')?.[1] ?? 'unknown';
  const slots = (self?.ranges ?? []).reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const role = self?.flags.includes('slave') === true ? 'replica' : 'master';
  return { port: node.port, pid, role, slots, keys: Number(size ?? 0), state };
}

function ownLine(text: string): NodeLine | undefined {
  try {
    return parseNodesText(text).find(({ flags }) => flags.includes('myself'));
  } catch (error) {
    if (!(error instanceof NodesTextError)) throw error;
    return undefined;
  }
}
