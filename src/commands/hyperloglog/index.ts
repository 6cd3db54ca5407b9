// index: the HyperLogLog commands.

import type { DataCommand } from '../engine.js';
import { pfadd, pfcount, pfmerge } from './count.js';
import { pfdebug, pfselftest } from './debug.js';

export const hyperloglogCommands: readonly DataCommand[] = [pfadd, pfcount, pfmerge, pfdebug, pfselftest];
