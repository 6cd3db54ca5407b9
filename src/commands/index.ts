// All data commands; a new family adds its line here.

import type { DataCommand } from './engine.js';
import { listCommands } from './list/index.js';
import { stringCommands } from './string/index.js';

export const dataCommands: readonly DataCommand[] = [...stringCommands, ...listCommands];
