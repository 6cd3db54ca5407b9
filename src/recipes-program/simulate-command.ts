// simulate-command: the command line of kvasir-recipes: `simulate` draws the failures of caches with and without protections; see docs/recipes.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Prng } from '../base/prng.js';
import { KVASIR_VERSION } from '../base/version.js';
import { VirtualClock } from '../io/virtual-clock.js';
import { surroundingsOf } from '../recipes/clock-surroundings.js';
import { fromServer } from '../recipes/adapters/server.js';
import { htmlCharts, textChart } from '../recipes/simulator/charts.js';
import { type SceneName, sceneNames, type SceneReport, simulateCache } from '../recipes/simulator/simulate.js';
import { createServer } from '../testing/create-server.js';

const usage = `Usage: kvasir-recipes simulate [options]

Runs the failures of caches (${sceneNames.join(', ')}) in virtual time against a server in this
process, with and without the protections of the cache recipe, and draws what the database gets.

  --scene NAME[,NAME]     which; all if absent
  --seconds N             virtual seconds of each run, 2 to 3600 (20)
  --seed N                what every draw follows from (1)
  --format text|html|json (text)
  --output FILE           writes there instead of to the standard output
  --help, --version
`;

function fail(text: string): never {
  process.stderr.write(`kvasir-recipes: ${text}\n`);
  process.exit(1);
}

interface Flags {
  readonly scenes: readonly SceneName[];
  readonly seconds: number;
  readonly seed: number;
  readonly format: string;
  readonly output: string | undefined;
}

function readFlags(args: string[]): Flags {
  let parsed;
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        scene: { type: 'string' },
        seconds: { type: 'string', default: '20' },
        seed: { type: 'string', default: '1' },
        format: { type: 'string', default: 'text' },
        output: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', short: 'v', default: false },
      },
    });
  } catch (error) {
    fail((error as Error).message);
  }
  const { values, positionals } = parsed;
  if (values.version) {
    process.stdout.write(`kvasir-recipes ${KVASIR_VERSION}\n`);
    process.exit(0);
  }
  if (values.help || positionals[0] === 'help') {
    process.stdout.write(usage);
    process.exit(0);
  }
  if (positionals[0] !== 'simulate' || positionals.length > 1)
    fail(`${positionals[0] === undefined ? 'a command is missing' : `unknown: ${positionals.join(' ')}`}\n\n${usage}`);
  const scenes = (values.scene?.split(',') ?? [...sceneNames]) as SceneName[];
  for (const scene of scenes)
    if (!sceneNames.includes(scene)) fail(`no scene has the name '${scene}': ${sceneNames.join(', ')}`);
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  if (!(seconds >= 2 && seconds <= 3600)) fail(`--seconds must be from 2 to 3600, and is '${values.seconds}'`);
  if (!Number.isSafeInteger(seed)) fail(`--seed must be a whole number, and is '${values.seed}'`);
  if (!['text', 'html', 'json'].includes(values.format)) fail(`--format must be text, html or json`);
  return { scenes, seconds, seed, format: values.format, output: values.output };
}

async function simulate({ scenes, seconds, seed }: Flags): Promise<SceneReport[]> {
  const reports: SceneReport[] = [];
  for (const scene of scenes) {
    // A world for each scene, so that a scene is the same alone and among others.
    const clock = new VirtualClock({ now: Date.UTC(2026, 0, 1), frozen: true });
    const server = await createServer({ port: false, clock, seed });
    const surroundings = surroundingsOf(clock, new Prng(seed));
    const step = async (): Promise<void> => {
      clock.advance(1);
      await new Promise((resolve) => setImmediate(resolve));
    };
    reports.push(await simulateCache({ commands: fromServer(server), surroundings, step }, { scene, seconds }));
    clock.run();
    await server.close();
  }
  return reports;
}

/** Runs the program with these arguments; a wrong one ends the process with a message. */
export async function runRecipesProgram(args: string[]): Promise<void> {
  const flags = readFlags(args);
  const reports = await simulate(flags);
  const text =
    flags.format === 'html'
      ? htmlCharts(reports)
      : flags.format === 'json'
        ? `${JSON.stringify(reports)}\n`
        : reports.map(textChart).join('\n');
  if (flags.output === undefined) process.stdout.write(text);
  else
    try {
      writeFileSync(flags.output, text);
    } catch (error) {
      fail(`${flags.output}: ${(error as Error).message}`);
    }
}
