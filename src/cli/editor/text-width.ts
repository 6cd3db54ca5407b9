// text-width: how many columns of a terminal a text takes. Approximate, by ranges: zero for combining marks, two for East
// Asian wide characters and emoji.

const zero: readonly [number, number][] = [
  [0x300, 0x36f],
  [0x483, 0x489],
  [0x591, 0x5bd],
  [0x610, 0x61a],
  [0x64b, 0x65f],
  [0x200b, 0x200f],
  [0x20d0, 0x20ff],
  [0xfe00, 0xfe0f],
  [0xfe20, 0xfe2f],
];
const wide: readonly [number, number][] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];

function within(ranges: readonly [number, number][], point: number): boolean {
  return ranges.some(([low, high]) => point >= low && point <= high);
}

function characterWidth(character: string): number {
  const point = character.codePointAt(0)!;
  if (point < 0x300) return point < 0x20 || (point >= 0x7f && point < 0xa0) ? 0 : 1;
  if (within(zero, point)) return 0;
  return within(wide, point) ? 2 : 1;
}

export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** Where the cursor stands after text of these characters, beginning at the left edge. */
export function positionAfter(text: string, columns: number): { row: number; column: number } {
  let row = 0;
  let column = 0;
  for (const character of text) {
    const width = characterWidth(character);
    if (column + width > columns) {
      row++;
      column = 0;
    }
    column += width;
  }
  // A full line leaves the cursor at the start of the next one; the editor writes a line end there.
  return column === columns ? { row: row + 1, column: 0 } : { row, column };
}
