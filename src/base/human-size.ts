// human-size: byte counts and times as people read them.

/** 512B, 1.50K, 20.00M: two digits, binary units. */
export function humanBytes(bytes: number): string {
  const sign = bytes < 0 ? '-' : '';
  let value = Math.abs(bytes);
  if (value < 1024) return `${sign}${Math.trunc(value)}B`;
  for (const unit of ['K', 'M', 'G']) {
    value /= 1024;
    if (value < 1024) return `${sign}${value.toFixed(2)}${unit}`;
  }
  return `${sign}${(value / 1024).toFixed(2)}T`;
}

/** 0:07, 12:30, 1:02:03. */
export function humanDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** 1234567 as 1,234,567. */
export function humanCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(?:\d{3})+$)/g, ',');
}
