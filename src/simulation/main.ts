// main: the command of `npm run simulate`: replays one seed with its timeline, or searches many for one that fails.

import { parseArgs } from 'node:util';
import { runScenario } from './run-scenario.js';
import { scenarios } from './scenarios/index.js';

const usage = `Usage: npm run simulate -- [--scenario NAME] [--seed N | --seeds COUNT [--from N]]

  --scenario NAME  one scenario instead of all
  --seed N         replays one seed and prints its timeline
  --seeds COUNT    searches so many seeds for one that fails (default: 100)
  --from N         the first seed of a search (default: 1)

Scenarios:
${scenarios.map(({ name, description }) => `  ${name.padEnd(22)} ${description}`).join('\n')}
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string' },
      seed: { type: 'string' },
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const number = (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw new Error(`not a number: ${text}`);
    return value;
  };
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const chosen = scenarios.filter(({ name }) => values.scenario === undefined || name === values.scenario);
  if (chosen.length === 0) throw new Error(`no scenario is called ${values.scenario}\n\n${usage}`);
  if (values.seed !== undefined) {
    let status = 0;
    for (const scenario of chosen) {
      const outcome = await runScenario(scenario, number(values.seed));
      process.stdout.write(`${outcome.timeline.join('\n')}\n`);
      process.stdout.write(
        `${scenario.name}, seed ${outcome.seed}: ${outcome.error?.message ?? 'passed'}; trace ${outcome.traceHash}, ${(outcome.virtualMs / 1000).toFixed(1)} s of virtual time\n`,
      );
      if (outcome.error !== undefined) status = 1;
    }
    return status;
  }
  const from = number(values.from);
  const count = number(values.seeds);
  for (const scenario of chosen) {
    const startedMs = performance.now();
    let virtualMs = 0;
    for (let seed = from; seed < from + count; seed++) {
      const outcome = await runScenario(scenario, seed);
      virtualMs += outcome.virtualMs;
      if (outcome.error === undefined) continue;
      process.stdout.write(
        `${scenario.name}, seed ${seed} fails: ${outcome.error.message}\n  npm run simulate -- --scenario ${scenario.name} --seed ${seed}\n`,
      );
      return 1;
    }
    const seconds = (performance.now() - startedMs) / 1000;
    process.stdout.write(
      `${scenario.name}: ${count} seeds passed, ${(virtualMs / 1000).toFixed(0)} s of virtual time in ${seconds.toFixed(1)} s\n`,
    );
  }
  return 0;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  },
);
