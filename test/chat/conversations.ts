/**
 * Conversations of every shape that templates know, from a seed.
 * @module
 */
import type { ChatMessage, ToolDefinition } from '../../src/chat/messages.ts';
import { random } from '../numbers.ts';

/** What a conversation is given to a template with. */
export interface Case {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ToolDefinition[];
  readonly addGenerationPrompt: boolean;
}

const TEXTS = [
  'Hello',
  'What is 2 + 2?',
  '  spaces around, and a line\n\n',
  'naïve “quotes” — 日本語, русский, עברית',
  '🙂👩‍👩‍👧‍👦',
  "it's {{ not }} {% code %} \\n",
  'a\tb\r\nc',
  '"json": [1, 2]',
  '',
  '<b>bold</b> [INST] x [/INST]',
  '0123456789',
];

const TOOLS: readonly ToolDefinition[] = [
  {
    type: 'function',
    function: {
      name: 'weather',
      description: 'The weather "now" — in a place',
      parameters: {
        type: 'object',
        properties: { place: { type: 'string', description: 'Città' }, days: { type: 'integer', enum: [1, 3] } },
        required: ['place'],
      },
    },
  },
  {
    type: 'function',
    function: { name: 'now', description: 'The time', parameters: { type: 'object', properties: {} } },
  },
];

/** @param kinds which messages may come besides those of user and assistant */
export function conversation(seed: number, { system = false, tools = false, emptySystem = true } = {}): Case {
  const next = random(seed);
  const pick = <T>(list: readonly T[]) => list[Math.floor(next() * list.length)]!;
  const messages: ChatMessage[] = [];
  if (system && next() < 0.6)
    messages.push({ role: 'system', content: next() < 0.2 && emptySystem ? '' : `Be brief. ${pick(TEXTS)}` });
  const turns = 1 + Math.floor(next() * 3);
  for (let turn = 0; turn < turns; turn++) {
    messages.push({ role: 'user', content: `${turn} ${pick(TEXTS)}` });
    if (tools && next() < 0.5) {
      const call = {
        id: 'call12345',
        type: 'function' as const,
        function: { name: 'weather', arguments: { place: pick(TEXTS), days: 3 } },
      };
      messages.push({ role: 'assistant', content: pick(['', 'Let me see.']), tool_calls: [call] });
      messages.push({ role: 'tool', content: `{"sky": ${JSON.stringify(pick(TEXTS))}}`, tool_call_id: 'call12345' });
    }
    if (turn < turns - 1 || next() < 0.3) messages.push({ role: 'assistant', content: `A ${pick(TEXTS)}` });
  }
  const addGenerationPrompt = messages.at(-1)!.role !== 'assistant' && next() < 0.8;
  return { messages, addGenerationPrompt, ...(tools && next() < 0.7 && { tools: TOOLS }) };
}
