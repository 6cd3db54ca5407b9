// The long soak, by hand: npm run soak -- --minutes 120 --seed 1. See soak.ts.
import { parseArgs } from 'node:util';
import { soak } from './soak.js';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '120' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 0x7fffffff));
const endMs = Date.now() + Number(values.minutes) * 60_000;
const tell = (line: string): void => void process.stdout.write(`${line}\n`);
tell(`seed ${seed}`);
await soak(seed, () => Date.now() > endMs, tell);
tell('memory is flat, nothing is left, all structures agree with themselves');
