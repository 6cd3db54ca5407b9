// All data commands; a new family adds its line here.

import { bitmapCommands } from './bitmap/index.js';
import type { DataCommand } from './engine.js';
import { genericCommands } from './generic/index.js';
import { geoCommands } from './geo/index.js';
import { hashCommands } from './hash/index.js';
import { hyperloglogCommands } from './hyperloglog/index.js';
import { listCommands } from './list/index.js';
import { setCommands } from './set/index.js';
import { sortedSetCommands } from './sorted-set/index.js';
import { streamCommands } from './stream/index.js';
import { stringCommands } from './string/index.js';

export const dataCommands: readonly DataCommand[] = [
  ...genericCommands,
  ...stringCommands,
  ...hashCommands,
  ...setCommands,
  ...listCommands,
  ...streamCommands,
  ...sortedSetCommands,
  ...hyperloglogCommands,
  ...bitmapCommands,
  ...geoCommands,
];
