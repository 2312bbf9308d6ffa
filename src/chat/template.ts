/**
 * What a chat template is to the rest: a function that writes a chat out, and what it needs to know.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { ToolDefinition, Turn } from './messages.ts';
import type { Script } from './script.ts';

/** A chat, and what a template is told besides. */
export interface Chat {
  readonly turns: readonly Turn[];
  /** Empty where there are none. */
  readonly tools: readonly ToolDefinition[];
  /** Whether the assistant's turn is opened at the end. */
  readonly addGenerationPrompt: boolean;
  /** Whether the model may think before it answers; undefined: what the template does by default. */
  readonly enableThinking: boolean | undefined;
  /** Today, for templates that tell it. */
  readonly date: Date;
  /** Spellings of the beginning and the end of a text; empty where the model has none. */
  readonly bos: string;
  readonly eos: string;
}

/** Writes a chat as the template would. @throws {ForetokenError} `chat.role` where the template refuses the order of messages */
export type Render = (chat: Chat, script: Script) => void;

export interface Template {
  readonly render: Render;
  /** Tokens that end the assistant's turn, by their spelling, besides the end of text; those that the tokenizer lacks are left out. */
  readonly ends: readonly string[];
  /** Whether it can show tools, and messages of tools. */
  readonly hasTools: boolean;
}

/** @throws {ForetokenError} `chat.role` unless users and assistant take turns, a user first. @param turns without a system message in front */
export function checkAlternates(turns: readonly Turn[]): void {
  for (const [i, { role }] of turns.entries()) {
    const expected = i % 2 === 0 ? 'user' : 'assistant';
    if (role === expected) continue;
    throw new ForetokenError(
      'chat.role',
      `this model's template wants user and assistant to take turns: expected a message of the ${expected}, got one of the ${role}`,
    );
  }
}

/** The system message in front, if there is one, and the rest. */
export function splitSystem(turns: readonly Turn[]): {
  readonly system: Turn | undefined;
  readonly rest: readonly Turn[];
} {
  const [first] = turns;
  return first?.role === 'system' ? { system: first, rest: turns.slice(1) } : { system: undefined, rest: turns };
}
