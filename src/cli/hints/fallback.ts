// fallback: where hints come from when the server gives none; set by the executable, so that nothing is loaded for it
// unless it is needed.
import type { CommandHints } from './command-docs.js';

export const fallbackHints: { load: (() => Promise<CommandHints>) | undefined } = { load: undefined };
