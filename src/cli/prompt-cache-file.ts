/**
 * The prompt cache of a command: a file that holds what was computed for earlier prompts.
 * @module
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { ForetokenError, quote } from '../errors.ts';
import type { Conversation, Model, Prompt } from '../model.ts';
import { PromptCache } from '../prompt-cache.ts';
import type { OptionTable, OptionValues } from './options.ts';

export const PROMPT_CACHE_OPTIONS = {
  'prompt-cache': {
    kind: 'text',
    value: 'FILE',
    help: 'keep what was computed for prompts in FILE, and begin with what is\nin it; the same text comes sooner',
  },
} as const satisfies OptionTable;

export interface PromptCacheFile {
  /** A conversation that holds what is known of a prompt. */
  conversation(model: Model, prompt: Prompt): Conversation;
  /** Writes the file, with a conversation added. */
  keep(conversation: Conversation): Promise<void>;
}

/**
 * @returns undefined where none is asked for
 * @throws {ForetokenError} `source.read` when the file is there and cannot be read, `cache.file` when it is no prompt cache
 */
export async function openPromptCache({
  'prompt-cache': path,
}: OptionValues<typeof PROMPT_CACHE_OPTIONS>): Promise<PromptCacheFile | undefined> {
  if (path === undefined) return undefined;
  const cache = new PromptCache();
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new ForetokenError('source.read', `prompt cache ${quote(path)} could not be read: ${cause.code}`, { cause });
  });
  if (bytes) cache.load(bytes);
  return {
    conversation: (model, prompt) => cache.conversation(model, prompt),
    async keep(conversation) {
      cache.add(conversation.save());
      await write(path, cache.save());
    },
  };
}

/** Under another name first, so that an interrupted run leaves no half of a file. */
async function write(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.part`;
  try {
    await writeFile(part, bytes);
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true });
    const { code } = cause as NodeJS.ErrnoException;
    throw new ForetokenError('source.write', `prompt cache ${quote(path)} could not be written: ${code}`, { cause });
  }
}
