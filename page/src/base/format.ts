// format: numbers for people.
import { language, t } from './i18n.js';

export function bytes(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(rest) : rest.toFixed(rest < 10 ? 2 : 1)} ${units[unit]!}`;
}

export function count(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value.toLocaleString(language());
}

/** 1.2 M: for places with little room. */
export function brief(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value < 10_000) return count(Math.round(value));
  return new Intl.NumberFormat(language(), { notation: 'compact', maximumFractionDigits: 1 }).format(value);
}

export function duration(seconds: number): string {
  if (seconds < 0 || !Number.isFinite(seconds)) return '–';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = Math.floor(seconds % 60);
  const two = (first: string, value: number, unit: string): string =>
    value === 0 ? first : `${first} ${value} ${unit}`;
  if (days > 0) return two(`${days} ${t('d')}`, hours, t('h'));
  if (hours > 0) return two(`${hours} ${t('h')}`, minutes, t('min'));
  if (minutes > 0) return two(`${minutes} ${t('min')}`, rest, t('s'));
  return `${rest} ${t('s')}`;
}

/** The language of the page, by the habits of the browser's region where they agree (24 hours in en-GB). */
export function region(): string {
  const [own = 'en'] = language().split('-');
  return navigator.languages.find((name) => name.split('-')[0] === own) ?? language();
}

export function time(ms: number): string {
  return Number.isNaN(new Date(ms).getTime()) ? '–' : new Date(ms).toLocaleString(region());
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(share > 0.0995 || share === 0 ? 0 : 1)} %` : '–';
}

export function clockTime(ms: number): string {
  return new Date(ms).toLocaleTimeString(region());
}
