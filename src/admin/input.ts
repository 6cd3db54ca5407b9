// input: reads the fields of a request's JSON, each with its bounds; what does not fit is refused with the field's name.
import { ApiError } from './api-error.js';

const textLengthMax = 1 << 20;

export class Input {
  private readonly fields: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new ApiError('bad-input', 'The request must be a JSON object.');
    this.fields = value as Record<string, unknown>;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.fields, name) && this.fields[name] !== undefined && this.fields[name] !== null;
  }

  value(name: string): unknown {
    return this.has(name) ? this.fields[name] : undefined;
  }

  text(name: string, { min = 0, max = textLengthMax }: { min?: number; max?: number } = {}): string {
    const value = this.value(name);
    if (typeof value !== 'string') throw new ApiError('bad-input', `${name} must be a text.`);
    if (value.length < min || value.length > max)
      throw new ApiError('bad-input', `${name} must have ${min} to ${max} characters.`);
    return value;
  }

  optionalText(name: string, max = textLengthMax): string | undefined {
    return this.has(name) ? this.text(name, { max }) : undefined;
  }

  integer(name: string, min: number, max: number, otherwise?: number): number {
    if (!this.has(name) && otherwise !== undefined) return otherwise;
    const value = this.value(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
      throw new ApiError('bad-input', `${name} must be a whole number from ${min} to ${max}.`);
    return value;
  }

  flag(name: string): boolean {
    const value = this.value(name) ?? false;
    if (typeof value !== 'boolean') throw new ApiError('bad-input', `${name} must be true or false.`);
    return value;
  }

  choice<const Name extends string>(name: string, choices: readonly Name[], otherwise?: Name): Name {
    if (!this.has(name) && otherwise !== undefined) return otherwise;
    const found = choices.find((choice) => choice === this.fields[name]);
    if (found === undefined) throw new ApiError('bad-input', `${name} must be one of ${choices.join(', ')}.`);
    return found;
  }

  list(name: string, max: number): readonly unknown[] {
    const value = this.value(name);
    if (!Array.isArray(value)) throw new ApiError('bad-input', `${name} must be a list.`);
    if (value.length > max) throw new ApiError('bad-input', `${name} must have at most ${max} elements.`);
    return value as unknown[];
  }

  texts(name: string, max: number, lengthMax = textLengthMax): string[] {
    return this.list(name, max).map((value) => {
      if (typeof value !== 'string' || value.length > lengthMax)
        throw new ApiError('bad-input', `${name} must be a list of texts of at most ${lengthMax} characters.`);
      return value;
    });
  }
}
