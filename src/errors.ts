/**
 * The one error of this package.
 * @module
 */

/**
 * Every failure that a caller can meet. Programs match on `code` (stable, `area.reason`); people read the message.
 *
 * @example catch (error) { if (error instanceof ForetokenError && error.code === 'file.header') ... }
 */
export class ForetokenError extends Error {
  override readonly name = 'ForetokenError';
  /** Stable identifier, `area.reason`: `file.shape`, `option.range`, `session.full` ... docs/errors.md lists them all. */
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Outside text, made fit for a message: at most 80 characters, control characters escaped, in double quotes. */
export function quote(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 79)}…` : text;
  return JSON.stringify(shown);
}
