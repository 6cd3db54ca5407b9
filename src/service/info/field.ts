// field: one line of INFO as a declaration: name, kind, meaning, and the function that reads it.
//
// Everything that shows figures uses the same declarations: INFO, and an exposition for monitoring, which needs kind and help.

import { humanBytes } from './human-bytes.js';

/** A counter only grows until it is reset; a gauge goes up and down; a text is no figure. */
export type FieldKind = 'counter' | 'gauge' | 'text';

export type FieldValue = string | number;

export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  /** Its meaning, with the unit unless the name says it. */
  readonly help: string;
  readonly read: () => FieldValue;
}

export function counter(name: string, help: string, read: () => FieldValue): Field {
  return { name, kind: 'counter', help, read };
}

export function gauge(name: string, help: string, read: () => FieldValue): Field {
  return { name, kind: 'gauge', help, read };
}

export function text(name: string, help: string, read: () => FieldValue): Field {
  return { name, kind: 'text', help, read };
}

/** A size in bytes, and the same for people to read. */
export function size(name: string, help: string, read: () => number): readonly Field[] {
  return [gauge(name, help, read), text(`${name}_human`, help, () => humanBytes(read()))];
}

/** A field that Redis has and this server has no use for: always the same value. */
export function fixed(name: string, help: string, value: FieldValue): Field {
  return { name, kind: typeof value === 'number' ? 'gauge' : 'text', help, read: () => value };
}
