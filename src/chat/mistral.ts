/**
 * The templates of Mistral and Mixtral: `[INST] question [/INST] answer`.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { ToolDefinition, Turn } from './messages.ts';
import { toJson } from './python.ts';
import type { Script } from './script.ts';
import { checkAlternates, type Render, splitSystem } from './template.ts';

/** What stands around questions and answers, and where the system message goes. */
export interface Marks {
  readonly question: readonly [before: string, after: string];
  /** `EOS` stands for the end of a text. */
  readonly answer: readonly [before: string, after: string];
  /** Into the first question; into the last message, where that is a question; or nowhere. */
  readonly system: 'first' | 'last' | 'refused';
}

/** @throws {ForetokenError} `chat.role` for a system message where the template has no place for it */
export function mistral({ question, answer, system: place }: Marks): Render {
  return ({ turns, bos, eos }, script) => {
    const { system, rest } = splitSystem(turns);
    if (system && place === 'refused') throw noSystem();
    checkAlternates(rest);
    script.template(bos);
    for (const [i, turn] of rest.entries()) {
      const [before, after] = turn.role === 'user' ? question : answer;
      script.template(before);
      if (system && turn.role === 'user' && i === (place === 'first' ? 0 : rest.length - 1)) {
        script.text(`${system.content}\n\n`);
      }
      script.content(turn);
      script.template(after.replace('EOS', eos));
    }
  };
}

/** For templates that refuse a system message. */
export function noSystem(): ForetokenError {
  return new ForetokenError(
    'chat.role',
    "this model's template has no system message: put what it says into the first message of the user",
  );
}

/**
 * Mistral 7B of version 0.3: tools are told before the last question. A system message, which the published template drops
 * without a word, is refused.
 */
export const mistral03: Render = ({ turns, tools, bos, eos }, script) => {
  const lastQuestion = turns.findLastIndex(({ role }) => role === 'user');
  script.template(bos);
  for (const [i, turn] of turns.entries()) {
    switch (turn.role) {
      case 'system':
        throw noSystem();
      case 'user':
        // The template looks for a message that equals the last question, so an earlier one with the same words is taken for it, too.
        if (tools.length > 0 && turn.content === turns[lastQuestion]!.content) writeTools(script, tools);
        script.template(' [INST] ');
        script.content(turn);
        script.template(' [/INST]');
        break;
      case 'assistant':
        if (turn.toolCalls.length > 0) writeCalls(script, turn, eos);
        else {
          script.template(' ');
          script.content(turn);
          script.template(` ${eos}`);
        }
        break;
      case 'tool':
        script.template(' [TOOL_RESULTS] ');
        script.text(`{"call_id": "${turn.toolCallId ?? ''}", "content": `);
        script.content(turns[i]!);
        script.text('}');
        script.template(' [/TOOL_RESULTS] ');
    }
  }
};

function writeTools(script: Script, tools: readonly ToolDefinition[]): void {
  script.template(' [AVAILABLE_TOOLS] [');
  script.text(tools.map(toolText).join(', '));
  script.template('] [/AVAILABLE_TOOLS]');
}

/** The template writes texts as they are, without escapes. */
function toolText({ function: described }: ToolDefinition): string {
  const fields = Object.entries(described as object)
    .filter(([name]) => name !== 'return')
    .map(([name, value]) => `"${name}": ${typeof value === 'string' ? `"${value}"` : toJson(value)}`);
  return `{"type": "function", "function": {${fields.join(', ')}}}`;
}

function writeCalls(script: Script, { toolCalls }: Turn, eos: string): void {
  script.template(' [TOOL_CALLS] [');
  script.text(
    toolCalls.map(({ id, function: { name, arguments: given } }) => toJson({ name, arguments: given, id })).join(', '),
  );
  script.template(`] ${eos}`);
}
