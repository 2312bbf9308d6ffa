/**
 * What every function with options checks of them, and the errors of options.
 * @module
 */
import { ForetokenError, quote } from './errors.ts';

/**
 * @param known every name that there is
 * @throws {ForetokenError} `option.type` when the options are no object, `option.unknown` for any other name
 */
export function checkNames(options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new ForetokenError('option.unknown', `unknown option ${quote(unknown)}: expected ${known.join(', ')}`);
  }
}

/** An option of another type than it takes. */
export function wrongType(name: string, expected: string, value: unknown): ForetokenError {
  const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
  return new ForetokenError('option.type', `${name}: expected ${expected}, got ${got}`);
}

/** A number or word that an option does not take; words of the caller's come quoted. */
export function outOfRange(name: string, expected: string, value: number | string): ForetokenError {
  return new ForetokenError('option.range', `${name}: expected ${expected}, got ${value}`);
}
