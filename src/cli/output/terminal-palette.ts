// terminal-palette: the colours of replies, loaded only where they are shown.
import type { Console } from '../console.js';
import type { Palette } from './standard.js';

export async function terminalPalette(console: Console): Promise<Palette | undefined> {
  if (!console.colors) return undefined;
  const { palette } = await import('./palette.js');
  return palette;
}
