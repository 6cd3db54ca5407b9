// human-bytes: a size as INFO shows it beside the bytes: 1.23M.

export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  let unit = 0;
  let value = bytes / 1024;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(2)}${'KMGTP'[unit]!}`;
}
