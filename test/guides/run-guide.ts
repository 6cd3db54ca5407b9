// run-guide: does what a guide says, in a folder and on ports of its own, and compares what is printed.
//
// The page's ports, absolute folders and node ids stand for those of the run: commands and files are translated one way, output the
// other way. All processes have a variable of this run in their environment, by which those that went to the background are
// found and ended.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFreePort } from '../peer.js';
import { cleanLines, matchInAnyOrder, matchInOrder, type Bindings } from './match.js';
import { isQuestion, type Command, type ConsoleStep, type FileStep, type Guide } from './page.js';
import { Terminal } from './terminal.js';

/** Bounds for machines that are many times slower: nothing waits for them where all goes well. */
const patienceMs = Number(process.env.KVASIR_GUIDES_PATIENCE ?? 240) * 1000;
/** A look costs as much processor time as a start of the command line, so that those of a long wait come less often. */
const lookMs = 150;
const lookMsMax = 1200;
const busOffset = 10_000;
/** The reader's home, as pages show it. */
const home = '/home/me';

interface Place {
  readonly onPage: string;
  readonly real: string;
}

/** Ports of this process that guides have now. */
const taken = new Set<number>();

/** The first of as many free neighbours, whose cluster buses are free too; see findFreePort for the range. */
async function findPorts(count: number): Promise<number> {
  for (let tries = 0; tries < 1000; tries++) {
    const first = 12_700 + Math.floor(Math.random() * (19_900 - 12_700 - count));
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if (ports.some((port) => taken.has(port))) continue;
    const all = [...ports, ...ports.map((port) => port + busOffset)];
    let free = true;
    for (const port of all) free &&= await isFreePort(port);
    if (!free) continue;
    for (const port of ports) taken.add(port);
    return first;
  }
  throw new Error(`there are no ${count} free neighbours among the ports`);
}

/** Receives each command's output, for the writer of a guide. */
export type Recorder = (command: Command, output: readonly string[]) => void;

/** A reader's machine: a folder, ports, terminals, and what runs there. Several guides can follow each other on it. */
export class GuideRun {
  private bindings: Bindings = new Map();
  private readonly terminals = new Map<number, Terminal>();
  private readonly folder = mkdtempSync(join(tmpdir(), 'kvasir-guide-'));
  private readonly home = join(this.folder, 'home');
  /** Port on the page -> port of the run. */
  private readonly ports = new Map<number, number>();
  private readonly places: Place[] = [{ onPage: home, real: this.home }];
  private name = '';

  /** `programs`: the folder of the programs. */
  constructor(
    private readonly programs: string,
    private readonly record?: Recorder,
  ) {
    mkdirSync(this.home);
  }

  /** Does what the guide says. Rejects where the page and the run differ. */
  async run(guide: Guide): Promise<void> {
    this.name = guide.name;
    for (const onPage of guide.folders) {
      const real = join(this.folder, onPage);
      mkdirSync(real, { recursive: true });
      this.places.push({ onPage, real });
    }
    for (const { first, count } of guide.ports) {
      const real = await findPorts(count);
      for (let index = 0; index < count; index++) this.ports.set(first + index, real + index);
    }
    for (const step of guide.steps) {
      if (step.kind === 'file') this.write(step);
      else await this.runConsole(step);
    }
  }

  async close(): Promise<void> {
    for (const terminal of this.terminals.values()) terminal.close();
    await endProcesses(`KVASIR_GUIDE=${this.folder}`);
    for (const port of this.ports.values()) taken.delete(port);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  private toReal(text: string): string {
    let real = text.replace(/(?<![\d.])\d{3,5}(?!\d)/g, (port) => String(this.ports.get(Number(port)) ?? port));
    for (const place of this.places) real = real.replaceAll(place.onPage, place.real);
    for (const [page, id] of this.bindings) real = real.replaceAll(page, id);
    return real;
  }

  private toPage(text: string): string {
    let page = text;
    for (const place of this.places) page = page.replaceAll(place.real, place.onPage);
    const onPage = new Map([...this.ports].map(([port, real]) => [real, port]));
    page = page.replace(/@(\d{5})(?!\d)/g, (whole, bus: string) => {
      const port = onPage.get(Number(bus) - busOffset);
      return port === undefined ? whole : `@${port + busOffset}`;
    });
    return page.replace(/(?<![\d.])\d{5}(?!\d)/g, (port) => String(onPage.get(Number(port)) ?? port));
  }

  private environment(): NodeJS.ProcessEnv {
    return {
      PATH: [this.programs, process.env.PATH ?? ''].join(delimiter),
      HOME: this.home,
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      KVASIR_GUIDE: this.folder,
      KVASIR_GUIDE_PORT: String(this.ports.get(6379) ?? ''),
    };
  }

  private write({ name, text }: FileStep): void {
    const real = this.toReal(name.replace(/^~\//, ''));
    const path = real.startsWith(this.folder) ? real : join(this.home, real);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, this.toReal(text));
  }

  private async runConsole(step: ConsoleStep): Promise<void> {
    let terminal = this.terminals.get(step.terminal);
    if (terminal === undefined) {
      terminal = new Terminal(this.home, this.environment());
      this.terminals.set(step.terminal, terminal);
    }
    const staying = step.stays ? step.commands.at(-1) : undefined;
    if (step.rest.length > 0) await this.readRest(step, terminal);
    for (const command of step.commands) {
      if (command === staying) await this.startStaying(step, terminal, command);
      else await this.runCommand(step, terminal, command);
    }
  }

  private matches(step: ConsoleStep, expected: readonly string[], output: string): Bindings | undefined {
    const wanted = cleanLines(expected.join('\n'));
    const actual = cleanLines(this.toPage(joinAnswers(output, wanted)));
    return (step.anyOrder ? matchInAnyOrder : matchInOrder)(wanted, actual, this.bindings);
  }

  private async runCommand(step: ConsoleStep, terminal: Terminal, command: Command): Promise<void> {
    const giveUpMs = performance.now() + patienceMs;
    for (let pauseMs = lookMs; ; pauseMs = Math.min(pauseMs * 1.5, lookMsMax)) {
      terminal.start(this.toReal(command.text), this.typedFor(command));
      const { output, status } = await terminal.wait(patienceMs);
      if (status === undefined) this.fail(command.line, command, output, 'still runs');
      const bindings = this.matches(step, command.output, output);
      if (this.record !== undefined && command.output.join() === '...' && bindings !== undefined) {
        this.record(command, cleanLines(this.toPage(output)));
        return;
      }
      const failedSilently = status !== 0 && command.output.length === 0;
      if (bindings !== undefined && !failedSilently) {
        this.bindings = bindings;
        return;
      }
      if (this.record !== undefined && !(step.until && command.output.length > 0)) {
        this.record(command, cleanLines(this.toPage(output)));
        return;
      }
      if (!step.until || performance.now() > giveUpMs)
        this.fail(
          command.line,
          command,
          output,
          failedSilently ? `fails with status ${status}` : 'prints something else',
        );
      await sleep(pauseMs);
    }
  }

  private async startStaying(step: ConsoleStep, terminal: Terminal, command: Command): Promise<void> {
    terminal.start(
      this.toReal(command.text),
      command.typed.map((line) => this.toReal(line)),
    );
    const isEnough = (output: string): boolean => this.matches(step, command.output, output) !== undefined;
    const { output, status } = await terminal.wait(patienceMs, isEnough);
    if (status !== undefined) this.fail(command.line, command, output, `does not stay, but ends with status ${status}`);
    const bindings = this.matches(step, command.output, output);
    if (bindings === undefined) this.fail(command.line, command, output, 'prints something else');
    this.bindings = bindings!;
    terminal.forget(output.length);
  }

  private async readRest(step: ConsoleStep, terminal: Terminal): Promise<void> {
    const isEnough = (output: string): boolean => step.stays && this.matches(step, step.rest, output) !== undefined;
    const { output, status } = await terminal.wait(patienceMs, isEnough);
    const command = { text: '(goes on)', output: step.rest };
    const bindings = this.matches(step, step.rest, output);
    if (bindings === undefined) this.fail(step.line, command, output, 'prints something else');
    if (status === undefined && !step.stays) this.fail(step.line, command, output, 'still runs');
    this.bindings = bindings!;
    if (status === undefined) terminal.forget(output.length);
  }

  /** A prompt reads until an explicit end, as standard input does not end with it. */
  private typedFor({ text, typed }: Command): readonly string[] {
    const real = typed.map((line) => this.toReal(line));
    const isPrompt = /^(?:kvasir|redis)-cli\b/.test(text) && !/--cluster\b/.test(text);
    return isPrompt && real.length > 0 && !/^(quit|exit)$/i.test(real.at(-1)!) ? [...real, 'quit'] : real;
  }

  private fail(
    line: number,
    command: { text: string; output: readonly string[] },
    output: string,
    what: string,
  ): never {
    const actual = cleanLines(this.toPage(output)).join('\n');
    assert.fail(
      `${this.name}.md:${line}: $ ${command.text}\n${what}. The page says:\n${command.output.join('\n')}\nIt printed:\n${actual}\n` +
        `Ids so far: ${JSON.stringify([...this.bindings])}`,
    );
  }
}

/** A typed answer and its line end do not show in a pipe, so the line ends come from the page. */
function joinAnswers(output: string, wanted: readonly string[]): string {
  let text = output;
  for (const line of wanted) {
    if (!isQuestion(line)) continue;
    const asked = new RegExp(`${line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')} ?`);
    text = text.replace(asked, `${line}\u0000`);
  }
  return text.replaceAll('\u0000', '\n');
}

/** Ends what the run has started, also in the background. */
async function endProcesses(mark: string): Promise<void> {
  const find = (): number[] => {
    const found: number[] = [];
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
      try {
        if (readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(mark)) found.push(Number(name));
      } catch {
        // It has ended, or belongs to somebody else.
      }
    }
    return found;
  };
  for (let tries = 0; tries < 1000; tries++) {
    const left = find();
    if (left.length === 0) return;
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await sleep(20);
  }
}
