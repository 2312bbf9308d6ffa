/**
 * ChatML, `<|im_start|>role ... <|im_end|>`, in the forms of Qwen 2, 2.5 and 3, SmolLM 2 and many fine-tuned models. SmolLM 3 has a file of its own.
 * @module
 */
import type { Turn } from './messages.ts';
import { lstripLines, rstripLines, toJson } from './python.ts';
import type { Script } from './script.ts';
import type { Chat, Render } from './template.ts';

/** The tokens that end a turn. */
export const CHATML_ENDS = ['<|im_end|>'];

export const OPEN_ANSWER = '<|im_start|>assistant\n';

/** A whole turn whose content stands as it is. */
export function writeTurn(script: Script, turn: Turn): void {
  script.template(`<|im_start|>${turn.role}\n`);
  script.content(turn);
  script.template('<|im_end|>\n');
}

/** Plain ChatML. @param system what is said where no system message is; undefined for nothing */
export function chatml(system?: string): Render {
  return ({ turns, addGenerationPrompt }, script) => {
    if (system !== undefined && turns[0]!.role !== 'system') {
      script.template(`<|im_start|>system\n${system}<|im_end|>\n`);
    }
    for (const turn of turns) writeTurn(script, turn);
    if (addGenerationPrompt) script.template(OPEN_ANSWER);
  };
}

const TOOLS_BEFORE = `# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>`;
const toolsAfter = (open: string, close: string) => `
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
${open}"name": <function-name>, "arguments": <args-json-object>${close}
</tool_call><|im_end|>
`;

function writeTools(script: Script, { tools }: Chat, braces: string): void {
  script.template(TOOLS_BEFORE);
  for (const tool of tools) script.text(`\n${toJson(tool)}`);
  script.template(toolsAfter('{'.repeat(braces.length), '}'.repeat(braces.length)));
}

/** `{"name": ..., "arguments": ...}` of a call, between its tags. */
function writeCall(script: Script, { function: { name, arguments: given } }: Turn['toolCalls'][number]): void {
  script.template('<tool_call>\n');
  script.text(`{"name": "${name}", "arguments": ${toJson(given)}}`);
  script.template('\n</tool_call>');
}

/** Answers of tools, of which those in a row are one turn of the user. */
function writeToolAnswer(script: Script, turns: readonly Turn[], i: number): void {
  if (turns[i - 1]?.role !== 'tool') script.template('<|im_start|>user');
  script.template('\n<tool_response>\n');
  script.content(turns[i]!);
  script.template('\n</tool_response>');
  if (turns[i + 1]?.role !== 'tool') script.template('<|im_end|>\n');
}

/**
 * Qwen 2.5.
 * @param system what is said where no system message is
 * @param braces of the example of a call: one published form doubles them
 */
export function qwen25(system: string, braces: '{' | '{{' = '{'): Render {
  return (chat, script) => {
    const { turns, tools, addGenerationPrompt } = chat;
    const first = turns[0]!;
    script.template('<|im_start|>system\n');
    if (first.role === 'system') script.content(first);
    else script.template(system);
    if (tools.length > 0) {
      script.template('\n\n');
      writeTools(script, chat, braces);
    } else {
      script.template('<|im_end|>\n');
    }
    for (const [i, turn] of turns.entries()) {
      if (turn.role === 'system' && i === 0) continue;
      if (turn.role === 'tool') {
        writeToolAnswer(script, turns, i);
      } else if (turn.toolCalls.length === 0) {
        writeTurn(script, turn);
      } else {
        script.template('<|im_start|>assistant');
        if (turn.content !== '') {
          script.template('\n');
          script.content(turn);
        }
        for (const call of turn.toolCalls) {
          script.template('\n');
          writeCall(script, call);
        }
        script.template('<|im_end|>\n');
      }
    }
    if (addGenerationPrompt) script.template(OPEN_ANSWER);
  };
}

/** What an assistant thought and what it said, where its message has both in one text. */
function splitThoughts({ content, reasoning }: Turn): { readonly thought: string; readonly said: string } {
  if (reasoning !== undefined) return { thought: reasoning, said: content };
  const parts = content.split('</think>');
  if (parts.length === 1) return { thought: '', said: content };
  return {
    thought: lstripLines(rstripLines(parts[0]!).split('<think>').at(-1)!),
    said: lstripLines(parts.at(-1)!),
  };
}

/** Qwen 3: thoughts are shown from the last question on, earlier ones are left out. */
export const qwen3: Render = (chat, script) => {
  const { turns, tools, addGenerationPrompt, enableThinking } = chat;
  const first = turns[0]!;
  const hasSystem = first.role === 'system';
  if (tools.length > 0 || hasSystem) {
    script.template('<|im_start|>system\n');
    if (hasSystem) script.content(first);
    if (tools.length > 0) {
      if (hasSystem) script.template('\n\n');
      writeTools(script, chat, '{');
    } else {
      script.template('<|im_end|>\n');
    }
  }
  const isQuestion = ({ role, content }: Turn) =>
    role === 'user' && !(content.startsWith('<tool_response>') && content.endsWith('</tool_response>'));
  const found = turns.findLastIndex(isQuestion);
  const lastQuestion = found < 0 ? turns.length - 1 : found;
  for (const [i, turn] of turns.entries()) {
    if (turn.role === 'system' && i === 0) continue;
    if (turn.role === 'tool') {
      writeToolAnswer(script, turns, i);
    } else if (turn.role !== 'assistant') {
      writeTurn(script, turn);
    } else {
      const { thought, said } = splitThoughts(turn);
      const isLast = i === turns.length - 1;
      script.template(OPEN_ANSWER);
      if (i > lastQuestion && (isLast || thought !== '')) {
        script.template('<think>\n');
        script.text(lstripLines(rstripLines(thought)));
        script.template('\n</think>\n\n');
        script.content(turn, lstripLines(said));
      } else {
        script.content(turn, said);
      }
      for (const [place, call] of turn.toolCalls.entries()) {
        if (place > 0 || said !== '') script.template('\n');
        writeCall(script, call);
      }
      script.template('<|im_end|>\n');
    }
  }
  if (addGenerationPrompt) script.template(OPEN_ANSWER + (enableThinking === false ? '<think>\n\n</think>\n\n' : ''));
};
