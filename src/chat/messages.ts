/**
 * Messages of a chat, in the form that chat templates and the servers of the ecosystem use, and their checks.
 * @module
 */
import { wrongType } from '../check-options.ts';
import { ForetokenError, quote } from '../errors.ts';

export type ChatRole = (typeof ROLES)[number];
const ROLES = ['system', 'user', 'assistant', 'tool'] as const;

/** A function that the assistant asks for. */
export interface ToolCall {
  readonly id?: string;
  readonly type?: 'function';
  readonly function: { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> };
}

/** One message. Fields that are not named here are left alone. */
export interface ChatMessage {
  readonly role: ChatRole;
  /** May be left out of an assistant's message with tool calls. */
  readonly content?: string | null;
  /** What the assistant asks for. */
  readonly tool_calls?: readonly ToolCall[];
  /** Which call a tool's message answers. */
  readonly tool_call_id?: string;
  /** What the assistant thought before its answer, where a template shows it apart. */
  readonly reasoning_content?: string | null;
}

/** A tool as a JSON schema: `{ type: 'function', function: { name, description, parameters } }`. */
export type ToolDefinition = Readonly<Record<string, unknown>>;

/** A message with all that templates look at, checked. */
export interface Turn {
  readonly role: ChatRole;
  readonly content: string;
  readonly toolCalls: readonly ToolCall[];
  readonly toolCallId: string | undefined;
  readonly reasoning: string | undefined;
}

/** @throws {ForetokenError} `chat.message` that names the message, by its place */
export function checkMessages(messages: readonly ChatMessage[]): readonly Turn[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new ForetokenError('chat.message', 'expected a list of messages, at least one');
  }
  return messages.map(checkMessage);
}

function checkMessage(message: Partial<ChatMessage> | null, place: number): Turn {
  const wrong = (what: string) => new ForetokenError('chat.message', `message ${place}: ${what}`);
  if (typeof message !== 'object' || message === null) throw wrong('expected an object with role and content');
  const { role, tool_calls, tool_call_id, reasoning_content } = message;
  if (!ROLES.includes(role as ChatRole)) {
    const got = typeof role === 'string' ? quote(role) : typeof role;
    throw wrong(`role is ${got}, expected one of ${ROLES.join(', ')}`);
  }
  const calls = tool_calls ?? [];
  if (!Array.isArray(calls) || !calls.every(isCall)) {
    throw wrong('tool_calls: expected { function: { name, arguments } } each, with arguments an object');
  }
  if (calls.length > 0 && role !== 'assistant') throw wrong('only the assistant has tool_calls');
  const content = message.content ?? (calls.length > 0 ? '' : undefined);
  if (typeof content !== 'string') throw wrong('content: expected a string');
  return {
    role: role!,
    content,
    toolCalls: calls,
    toolCallId: tool_call_id,
    reasoning: reasoning_content ?? undefined,
  };
}

function isCall(call: ToolCall | null): boolean {
  const { name, arguments: given } = call?.function ?? {};
  return typeof name === 'string' && typeof given === 'object' && given !== null && !Array.isArray(given);
}

/** None and an empty list are the same. @throws {ForetokenError} `option.type` */
export function checkTools(tools: readonly ToolDefinition[] | undefined): readonly ToolDefinition[] {
  if (tools === undefined) return [];
  const isTool = (tool: unknown) => typeof (tool as { function?: unknown } | null)?.function === 'object';
  if (!Array.isArray(tools) || !tools.every(isTool)) {
    throw wrongType('tools', "a list of { type: 'function', function: { name, description, parameters } }", tools);
  }
  return tools;
}
