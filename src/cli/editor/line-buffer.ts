// line-buffer: the text being edited and the cursor in it; every editing key is one method.

export class LineBuffer {
  private characters: string[] = [];
  private position = 0;
  private killed = '';

  get text(): string {
    return this.characters.join('');
  }

  get beforeCursor(): string {
    return this.characters.slice(0, this.position).join('');
  }

  get atEnd(): boolean {
    return this.position === this.characters.length;
  }

  get empty(): boolean {
    return this.characters.length === 0;
  }

  set(text: string): void {
    this.characters = [...text];
    this.position = this.characters.length;
  }

  insert(text: string): void {
    const added = [...text];
    this.characters.splice(this.position, 0, ...added);
    this.position += added.length;
  }

  /** Replaces what stands between `start` (in UTF-16 units of `beforeCursor`) and the cursor. */
  replaceBefore(start: number, text: string): void {
    const kept = [...this.beforeCursor.slice(0, start)];
    const after = this.characters.slice(this.position);
    this.characters = [...kept, ...text, ...after];
    this.position = this.characters.length - after.length;
  }

  move(step: number): void {
    this.position = Math.max(0, Math.min(this.characters.length, this.position + step));
  }

  moveHome(): void {
    this.position = 0;
  }

  moveEnd(): void {
    this.position = this.characters.length;
  }

  moveWord(direction: -1 | 1): void {
    this.position = this.wordBoundary(direction);
  }

  eraseBefore(): void {
    if (this.position === 0) return;
    this.characters.splice(--this.position, 1);
  }

  eraseAfter(): void {
    this.characters.splice(this.position, 1);
  }

  killWord(direction: -1 | 1): void {
    const boundary = this.wordBoundary(direction);
    this.kill(Math.min(boundary, this.position), Math.max(boundary, this.position));
  }

  killToEnd(): void {
    this.kill(this.position, this.characters.length);
  }

  killToStart(): void {
    this.kill(0, this.position);
  }

  yank(): void {
    this.insert(this.killed);
  }

  /** Swaps the two characters before the cursor, or around it. */
  transpose(): void {
    if (this.characters.length < 2 || this.position === 0) return;
    const right = Math.min(this.position, this.characters.length - 1);
    const held = this.characters[right]!;
    this.characters[right] = this.characters[right - 1]!;
    this.characters[right - 1] = held;
    this.position = right + 1;
  }

  private kill(start: number, end: number): void {
    if (start === end) return;
    this.killed = this.characters.splice(start, end - start).join('');
    this.position = start;
  }

  private wordBoundary(direction: -1 | 1): number {
    const isSpace = (index: number): boolean => /\s/.test(this.characters[index] ?? '');
    let index = this.position;
    if (direction < 0) {
      while (index > 0 && isSpace(index - 1)) index--;
      while (index > 0 && !isSpace(index - 1)) index--;
    } else {
      while (index < this.characters.length && isSpace(index)) index++;
      while (index < this.characters.length && !isSpace(index)) index++;
    }
    return index;
  }
}
