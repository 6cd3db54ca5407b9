// folder-lock: keeps a second program out of the data folder, whose writes would break the chain of the audit log and the history.
//
// The file has the number of the process that holds the folder. One whose process is gone, after a crash, is taken over; where
// the system tells when a process began (Linux), so is one whose number another process has got since.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

interface Holder {
  readonly process: number;
  readonly began: string;
}

export class FolderLock {
  constructor(private readonly path: string) {}

  /** Throws when another process holds the folder. */
  take(): void {
    const own: Holder = { process: process.pid, began: beginOf(process.pid) };
    for (let attempt = 0; ; attempt++) {
      try {
        writeFileSync(this.path, JSON.stringify(own), { flag: 'wx', mode: 0o600 });
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = this.holder();
      if ((holder !== undefined && isAlive(holder)) || attempt > 0)
        throw new Error(
          `another kvasir-admin (process ${holder?.process ?? 'unknown'}) holds the folder of ${this.path}: end it, or name another folder`,
        );
      rmSync(this.path, { force: true });
    }
  }

  release(): void {
    if (this.holder()?.process === process.pid) rmSync(this.path, { force: true });
  }

  /** Undefined where the file is none of ours, or was cut off by a crash. */
  private holder(): Holder | undefined {
    try {
      const { process: number, began } = JSON.parse(readFileSync(this.path, 'utf8')) as Partial<Holder>;
      return typeof number === 'number' && typeof began === 'string' ? { process: number, began } : undefined;
    } catch {
      return undefined;
    }
  }
}

/** In a container each start may have the number of the one before. */
function isAlive({ process: number, began }: Holder): boolean {
  if (number === process.pid) return false;
  try {
    process.kill(number, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return beginOf(number) === began;
}

/** When a process began, in the system's words; empty where they are not known. */
function beginOf(number: number): string {
  try {
    // After the name in parentheses, which may have spaces: the 22nd field of the line.
    const stat = readFileSync(`/proc/${number}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
