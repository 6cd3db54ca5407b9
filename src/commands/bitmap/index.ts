// index: the bitmap commands.

import type { DataCommand } from '../engine.js';
import { bitfield, bitfieldRo } from './bitfield.js';
import { bitop } from './bitop.js';
import { bitcount, bitpos, getbit, setbit } from './bits.js';

export const bitmapCommands: readonly DataCommand[] = [setbit, getbit, bitcount, bitpos, bitop, bitfield, bitfieldRo];
