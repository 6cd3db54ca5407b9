// main: kvasir-benchmark from its arguments to its exit code.
import { writeFileSync } from 'node:fs';
import { renderChart } from './chart.js';
import { fetchNodes } from './cluster.js';
import type { ClusterNode } from './cluster.js';
import type { Address } from './connection.js';
import { renderPage } from './html.js';
import type { LoadNode } from './load.js';
import { EarlyExit, parseOptions } from './options.js';
import type { Options } from './options.js';
import { ErrorReply, QueryConnection } from './query.js';
import { csvHeader, csvReport, fullReport, quietReport } from './report.js';
import type { ReportContext, ServerConfig } from './report.js';
import { encodeCommand } from './request.js';
import { Runner } from './runner.js';
import type { TestResult } from './test-result.js';
import { makeData, selectTests } from './tests.js';
import type { BenchmarkTest } from './tests.js';
import { compare } from './versus.js';

/** Runs the tool; returns the exit code. Messages go to stdout and stderr. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await run(parseOptions(args));
  } catch (error) {
    if (error instanceof EarlyExit) {
      process.stdout.write(error.out);
      process.stderr.write(error.err);
      return error.code;
    }
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function run(options: Options): Promise<number> {
  const auth =
    options.password === undefined
      ? []
      : options.user === undefined
        ? [options.password]
        : [options.user, options.password];
  const address: Address = { host: options.host, port: options.port, path: options.socketPath, tls: options.tls };
  let nodes: LoadNode[] = [{ address }];
  let configs: (ServerConfig | undefined)[];
  if (options.isCluster) {
    const masters = await findMasters(address, auth);
    configs = await introduceMasters(masters, auth);
    nodes = masters;
    if (options.threads === 0) options.threads = masters.length;
  } else {
    configs = [await fetchConfig(address, auth)];
    if (configs[0] === undefined) process.stderr.write('WARNING: Could not fetch server CONFIG\n');
  }
  if (!options.keepAlive) {
    process.stderr.write(
      "WARNING: Keepalive disabled. You probably need 'echo 1 > /proc/sys/net/ipv4/tcp_tw_reuse' for Linux and " +
        "'sudo sysctl -w net.inet.tcp.msl=1000' for Mac OS X in order to use a lot of clients/requests\n",
    );
  }
  if (options.command.length > 0 && options.tests !== undefined)
    process.stderr.write('WARNING: Option -t is ignored.\n');
  const runner = new Runner(options, nodes, auth);
  try {
    if (options.isIdle) {
      process.stdout.write(`Creating ${options.clients} idle connections and waiting forever (Ctrl+C when done)\n`);
      await runner.idle();
    }
    const { tests, payloadBytes } = await chooseTests(options);
    if (options.versus !== undefined) {
      const other = { host: options.versus.host, port: options.versus.port, tls: options.tls };
      await compare(options, tests, runner, new Runner(options, [{ address: other }], auth));
    } else await runTests(options, tests, runner, { configs, payloadBytes });
  } finally {
    await runner.close();
  }
  return 0;
}

async function runTests(
  options: Options,
  tests: BenchmarkTest[],
  runner: Runner,
  context: ReportContext,
): Promise<void> {
  if (options.isCsv) process.stdout.write(csvHeader);
  const results: TestResult[] = [];
  do {
    for (const test of tests) {
      const result = await runner.run(test);
      if (options.isCsv) process.stdout.write(csvReport(result));
      else {
        const report = options.isQuiet ? quietReport(result) : fullReport(result, options, context);
        process.stdout.write(runner.takeCleanLine() + report);
      }
      // Rows of figures are for programs: the drawing must not get between them.
      if (options.chart) (options.isCsv ? process.stderr : process.stdout).write(renderChart(result));
      if (options.htmlPath !== undefined) {
        results.push(result);
        writeFileSync(options.htmlPath, renderPage(results, options));
      }
    }
    if (options.command.length === 0 && !options.isCsv) process.stdout.write('\n');
  } while (options.loop);
}

async function chooseTests(options: Options): Promise<{ tests: BenchmarkTest[]; payloadBytes: number }> {
  const data = makeData(options.dataBytes);
  if (options.command.length === 0) return { tests: selectTests(options, data), payloadBytes: options.dataBytes };
  const words: (string | Uint8Array)[] = options.command.map((word) => word.replaceAll('__data__', data));
  if (options.readsStdin) words.push(await readStdin());
  const command = encodeCommand(words);
  return { tests: [{ title: options.command.join(' '), command }], payloadBytes: command.length };
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  return new Uint8Array(Buffer.concat(chunks));
}

/** `save` and `appendonly` of a server; undefined, with a word on stderr, where it does not tell. */
async function fetchConfig(address: Address, auth: string[]): Promise<ServerConfig | undefined> {
  const place = address.path ?? `${address.host}:${address.port}`;
  let query: QueryConnection;
  try {
    query = await QueryConnection.open(address);
  } catch (error) {
    process.stderr.write(
      `Could not connect to Redis at ${place}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return undefined;
  }
  try {
    if (auth.length > 0) {
      const reply = await query.ask('AUTH', ...auth);
      if (reply instanceof ErrorReply)
        throw new EarlyExit(1, '', `Node ${place} replied with error:\n${reply.message}\n`);
    }
    const values: string[] = [];
    for (const name of ['save', 'appendonly']) {
      const reply = await query.ask('CONFIG', 'GET', name);
      // Without a password nothing else would work either; a server that only hides its configuration can be measured.
      if (reply instanceof ErrorReply && reply.message.startsWith('NOAUTH')) {
        throw new EarlyExit(1, '', `Node ${place} replied with error:\n${reply.message}\n`);
      }
      if (reply instanceof ErrorReply) return undefined;
      if (!Array.isArray(reply) || reply.length < 2) throw new Error('no value');
      values.push(typeof reply[1] === 'string' ? reply[1] : '');
    }
    return { save: values[0]!, appendonly: values[1]! };
  } catch (error) {
    if (error instanceof EarlyExit) throw error;
    process.stderr.write(`ERROR: failed to fetch CONFIG from ${place}\n`);
    return undefined;
  } finally {
    query.close();
  }
}

async function findMasters(address: Address, auth: string[]): Promise<ClusterNode[]> {
  const place = address.path ?? `${address.host}:${address.port}`;
  let masters: ClusterNode[];
  try {
    masters = await fetchNodes(address, auth);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const isReply = reason.includes('replied with error') || reason.startsWith('Invalid');
    if (!isReply) throw new EarlyExit(1, '', `Could not connect to Redis at ${place}: ${reason}\n`);
    throw new EarlyExit(1, '', `${reason}\nFailed to fetch cluster configuration from ${place}\n`);
  }
  if (masters.length === 0) throw new EarlyExit(1, '', `Failed to fetch cluster configuration from ${place}\n`);
  if (masters.length === 1) throw new EarlyExit(1, '', 'Invalid cluster: 1 node(s).\n');
  return masters;
}

async function introduceMasters(masters: ClusterNode[], auth: string[]): Promise<(ServerConfig | undefined)[]> {
  process.stdout.write(`Cluster has ${masters.length} master nodes:\n\n`);
  const configs: (ServerConfig | undefined)[] = [];
  for (const [index, { id, address }] of masters.entries()) {
    process.stdout.write(`Master ${index}: ${id} ${address.host}:${address.port}\n`);
    const config = await fetchConfig(address, auth);
    if (config === undefined)
      process.stderr.write(`WARNING: Could not fetch node CONFIG ${address.host}:${address.port}\n`);
    configs.push(config);
  }
  process.stdout.write('\n');
  return configs;
}
