// run-tool: runs kvasir-benchmark or redis-benchmark and returns what it printed.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ToolRun {
  out: string;
  err: string;
  code: number | null;
}

const kvasirBenchmark = fileURLToPath(new URL('../../bundle/kvasir-benchmark.js', import.meta.url));

export function runKvasir(args: readonly string[], input = ''): Promise<ToolRun> {
  return run(process.execPath, [kvasirBenchmark, ...args], input);
}

export function runRedis(args: readonly string[], input = ''): Promise<ToolRun> {
  return run('redis-benchmark', args, input);
}

function run(program: string, args: readonly string[], input: string): Promise<ToolRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), 300_000);
    child.stdout.on('data', (chunk) => (out += String(chunk)));
    child.stderr.on('data', (chunk) => (err += String(chunk)));
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ out, err, code });
    });
    child.stdin.on('error', () => {}); // a tool that does not read its input may close it
    child.stdin.end(input);
  });
}

/** The output of a run without its speed: no progress lines, figures masked, runs of table rows as one. */
export function maskFigures(out: string): string {
  return out
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf('\r') + 1))
    .map((line) => {
      if (/^\d+\.\d{3}% <= \d+\.\d{3} milliseconds \(cumulative count \d+\)$/.test(line)) return '<row>';
      if (/^ {4}( *\d+\.\d{3}){6}$/.test(line) && line.length === 63) return '<summary>';
      // redis-benchmark measures in whole milliseconds: a test that takes none has no finite rate.
      return line.replace(/\d+\.\d+|\binf\b/g, '<n>');
    })
    .filter((line, index, lines) => line !== '<row>' || lines[index - 1] !== '<row>')
    .join('\n');
}
