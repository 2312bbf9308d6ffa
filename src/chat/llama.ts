/**
 * The templates of Llama 2 and 3.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { ToolDefinition, Turn } from './messages.ts';
import { dateText, strip, toJson } from './python.ts';
import type { Script } from './script.ts';
import { checkAlternates, type Render, splitSystem } from './template.ts';

/** The tokens that end a turn of Llama 3. */
export const LLAMA3_ENDS = ['<|eot_id|>', '<|eom_id|>'];

/** Llama 2: the system message stands inside the first question. */
export const llama2: Render = ({ turns, bos, eos }, script) => {
  const { system, rest } = splitSystem(turns);
  checkAlternates(rest);
  for (const [i, turn] of rest.entries()) {
    if (turn.role === 'assistant') {
      script.template(' ');
      script.content(turn, strip(turn.content));
      script.template(` ${eos}`);
      continue;
    }
    script.template(`${bos}[INST] `);
    if (i === 0 && system) {
      script.template('<<SYS>>\n');
      script.text(system.content);
      script.template('\n<</SYS>>\n\n');
      // What is stripped is the whole, which begins with a mark.
      script.content(turn, strip(`.${turn.content}`).slice(1));
    } else {
      script.content(turn, strip(turn.content));
    }
    script.template(' [/INST]');
  }
};

function open(script: Script, role: string): void {
  script.template(`<|start_header_id|>${role}<|end_header_id|>\n\n`);
}

function write(script: Script, turn: Turn): void {
  open(script, turn.role);
  script.content(turn, strip(turn.content));
  script.template('<|eot_id|>');
}

/** Llama 3. @param opens whether the assistant's turn is opened also where it was not asked for, as one published form does */
export function llama3(opens = false): Render {
  return ({ turns, addGenerationPrompt, bos }, script) => {
    script.template(bos);
    for (const turn of turns) write(script, turn);
    if (addGenerationPrompt || opens) open(script, 'assistant');
  };
}

const TOOLS_BEFORE =
  'Given the following functions, please respond with a JSON for a function call with its proper arguments that best answers the given prompt.\n\n' +
  'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.Do not use variables.\n\n';

/**
 * Llama 3.1 and later: a system turn with dates; tools are told in the first question.
 * @param fixedDate the date that the template states, where it does not ask for today's
 */
export function llama31(fixedDate?: string): Render {
  return ({ turns, tools, addGenerationPrompt, date, bos }, script) => {
    const { system, rest } = splitSystem(turns);
    script.template(bos);
    open(script, 'system');
    if (tools.length > 0) script.template('Environment: ipython\n');
    script.template('Cutting Knowledge Date: December 2023\n');
    script.template(`Today Date: ${fixedDate ?? dateText(date, { short: true })}\n\n`);
    if (system) script.content(system, strip(system.content));
    script.template('<|eot_id|>');
    for (const turn of tools.length > 0 ? afterTools(script, tools, rest) : rest) {
      if (turn.toolCalls.length > 0) writeCall(script, turn);
      else if (turn.role === 'tool') writeAnswer(script, turn);
      else write(script, turn);
    }
    if (addGenerationPrompt) open(script, 'assistant');
  };
}

/** Writes the first question, with the tools. @returns the turns after it */
function afterTools(script: Script, tools: readonly ToolDefinition[], turns: readonly Turn[]): readonly Turn[] {
  const [question, ...rest] = turns;
  if (!question)
    throw new ForetokenError('chat.role', "this model's template tells tools in the first question: there is none");
  open(script, 'user');
  script.template(TOOLS_BEFORE);
  for (const tool of tools) script.text(`${toJson(tool, 4)}\n\n`);
  script.content(question, strip(question.content));
  script.template('<|eot_id|>');
  return rest;
}

function writeCall(script: Script, { toolCalls }: Turn): void {
  if (toolCalls.length > 1) {
    throw new ForetokenError('chat.message', "this model's template has one tool call a message");
  }
  const { name, arguments: given } = toolCalls[0]!.function;
  open(script, 'assistant');
  script.text(`{"name": "${name}", "parameters": ${toJson(given)}}`);
  script.template('<|eot_id|>');
}

/** The template takes a text for a list, and prints it as JSON. */
function writeAnswer(script: Script, turn: Turn): void {
  open(script, 'ipython');
  script.content(turn, toJson(turn.content));
  script.template('<|eot_id|>');
}
