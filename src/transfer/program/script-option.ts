// script-option: the option of all programs that run the scripts of an append-only file themselves.

import type { OptionTable } from './options.js';

export const scriptOption = {
  'script-seconds': {
    kind: 'number',
    value: 'SECONDS',
    help: 'A script of the append-only file may take so long (default 60, and at most 1000 million steps).',
  },
} as const satisfies OptionTable;
