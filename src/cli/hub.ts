/// <reference types="node" />
/**
 * The hub of a command: what the environment says of it, by the names that Hugging Face's own tools read.
 * @module
 */
import process from 'node:process';
import type { HubOptions } from '../hub/options.ts';

/** HF_TOKEN, and HF_ENDPOINT for another hub than huggingface.co. */
export function hubOptions({ HF_TOKEN: token, HF_ENDPOINT: url } = process.env): HubOptions {
  return { ...(token && { token: token.trim() }), ...(url && { url }) };
}
