// table: the table of folders in ARCHITECTURE.md, which is the one that the check of imports goes by.
//
//   | folder | may import | Node modules | what is there |
//
// A row may import the folders that it names and all that those may import. It may name rows above it only, or "all above".
// A row for a subfolder stands for the files in it instead of its folder's row.

const headings = ['folder', 'may import', 'Node modules'];

function cells(line) {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** The names in backquotes of a cell. */
function names(cell) {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
}

export class LayerTable {
  /** Folder -> { imports: names as written, modules: Node's, allowed: all folders that it may import }. */
  rows = new Map();
  problems = [];

  constructor(markdown) {
    const lines = markdown.split('\n');
    const top = lines.findIndex((line) => headings.every((heading, index) => cells(line)[index] === heading));
    if (top < 0) {
      this.problems.push(`ARCHITECTURE.md has no table that begins with | ${headings.join(' | ')} |`);
      return;
    }
    for (let at = top + 2; lines[at]?.startsWith('|'); at++) this.addRow(cells(lines[at]));
  }

  addRow([folderCell, importCell, moduleCell]) {
    for (const folder of names(folderCell)) {
      if (this.rows.has(folder)) this.problems.push(`ARCHITECTURE.md: ${folder} has two rows`);
      const imports = importCell === 'all above' ? [...this.rows.keys()] : names(importCell);
      const allowed = new Set();
      for (const name of imports) {
        const row = this.rowFor(`${name}/`);
        if (row === undefined)
          this.problems.push(`ARCHITECTURE.md: ${folder} names ${name}, which has no row above it`);
        allowed.add(name);
        for (const further of this.rows.get(row)?.allowed ?? []) allowed.add(further);
      }
      this.rows.set(folder, { imports, modules: names(moduleCell), allowed });
    }
  }

  /** The row that a path within src belongs to: the longest one that leads to it. */
  rowFor(path) {
    for (let name = path; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('/')))) {
      if (this.rows.has(name)) return name;
    }
    return undefined;
  }

  /** True if files of the row may import the path. */
  permits(row, path) {
    if (path === row || path.startsWith(`${row}/`)) return true;
    for (const name of this.rows.get(row).allowed) if (path === name || path.startsWith(`${name}/`)) return true;
    return false;
  }
}
