// retention: which backups stay, by how many hours, days, weeks and months are to be covered.
//
// Of each hour that has backups the newest one stands for it, and the newest N of these stay; so with the other periods. Hours
// without backups do not count, so backups that stop coming never make the old ones go. The newest backup always stays.

export interface RetentionRules {
  readonly last?: number | undefined;
  readonly hourly?: number | undefined;
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
}

const DAY_MS = 86_400_000;
/** 1970 began on a Thursday, weeks begin on Monday. */
const MONDAY_SHIFT_MS = 3 * DAY_MS;

const periods: readonly (readonly [keyof RetentionRules, (timeMs: number) => number | string])[] = [
  ['last', (timeMs) => timeMs],
  ['hourly', (timeMs) => Math.floor(timeMs / 3_600_000)],
  ['daily', (timeMs) => Math.floor(timeMs / DAY_MS)],
  ['weekly', (timeMs) => Math.floor((timeMs + MONDAY_SHIFT_MS) / DAY_MS / 7)],
  ['monthly', (timeMs) => new Date(timeMs).toISOString().slice(0, 7)],
];

export function hasRules(rules: RetentionRules): boolean {
  return periods.some(([name]) => rules[name] !== undefined);
}

/** The backups that may go, oldest first. Without rules there are none. */
export function expendable<T extends { readonly timeMs: number }>(backups: readonly T[], rules: RetentionRules): T[] {
  if (!hasRules(rules)) return [];
  const newestFirst = [...backups].sort((a, b) => b.timeMs - a.timeMs);
  const kept = new Set<T>(newestFirst.slice(0, 1));
  for (const [name, periodOf] of periods) {
    const seen = new Set<number | string>();
    for (const backup of newestFirst) {
      if (seen.size >= (rules[name] ?? 0)) break;
      const period = periodOf(backup.timeMs);
      if (!seen.has(period)) kept.add(backup);
      seen.add(period);
    }
  }
  return newestFirst.filter((backup) => !kept.has(backup)).reverse();
}
