// palette: the colours of the readable form at a terminal: the types and numbering step back, errors step forward.
import type { Palette } from './standard.js';

const codes: Record<Parameters<Palette>[0], string> = {
  error: '\x1b[31m',
  type: '\x1b[90m',
  index: '\x1b[90m',
  string: '\x1b[32m',
  number: '\x1b[36m',
  nil: '\x1b[90m',
};

export const palette: Palette = (part, text) => `${codes[part]}${text}\x1b[39m`;
