/**
 * ChatML as SmolLM 3 has it.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { OPEN_ANSWER, writeTurn } from './chatml.ts';
import { dateText, lstripLines, rstrip, toPython } from './python.ts';
import type { Render } from './template.ts';

const THINKS = `You are a helpful AI assistant named SmolLM, trained by Hugging Face. Your role as an assistant involves thoroughly exploring questions through a systematic thinking process before providing the final precise and accurate solutions. This requires engaging in a comprehensive cycle of analysis, summarizing, exploration, reassessment, reflection, backtracking, and iteration to develop well-considered thinking process. Please structure your response into two main sections: Thought and Solution using the specified format: <think> Thought section </think> Solution section. In the Thought section, detail your reasoning process in steps. Each step should include detailed considerations such as analysing questions, summarizing relevant findings, brainstorming new ideas, verifying the accuracy of the current steps, refining any errors, and revisiting previous steps. In the Solution section, based on various attempts, explorations, and reflections from the Thought section, systematically present the final solution that you deem correct. The Solution section should be logical, accurate, and concise and detail necessary steps needed to reach the conclusion.`;
const ANSWERS = 'You are a helpful AI assistant named SmolLM, trained by Hugging Face.';

const TOOLS_BEFORE = `### Tools

You may call one or more functions to assist with the user query.
You are provided with function signatures within <tools></tools> XML tags:

<tools>
`;
const TOOLS_AFTER = `</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>

<|im_end|>
`;

/**
 * A system turn with the date and the mode of thinking. As published, that turn is closed only where it shows tools or is overridden. Tools are printed as
 * Python prints dictionaries; answers of tools are turns of the user. What the template would drop without a word is refused: the assistant's `tool_calls`, and tools
 * beside a system message that overrides all others.
 *
 * @throws {ForetokenError} `chat.message`, `chat.tools`
 */
export const smollm3: Render = ({ turns, tools, addGenerationPrompt, enableThinking, date }, script) => {
  const first = turns[0]!;
  const system = first.role === 'system' ? first.content : '';
  let thinks = enableThinking ?? true;
  if (system.includes('/no_think')) thinks = false;
  else if (system.includes('/think')) thinks = true;
  const own = rstrip(system.replaceAll('/no_think', '').replaceAll('/think', ''));

  script.template('<|im_start|>system\n');
  if (system.includes('/system_override')) {
    if (tools.length > 0) {
      throw new ForetokenError(
        'chat.tools',
        "this model's template shows no tools beside a system message with /system_override",
      );
    }
    script.text(rstrip(own.replaceAll('/system_override', '')));
    script.template('<|im_end|>\n');
  } else {
    script.template('## Metadata\n\nKnowledge Cutoff Date: June 2025\n');
    script.template(`Today Date: ${dateText(date, { short: false })}\n`);
    script.template(`Reasoning Mode: ${thinks ? '/think' : '/no_think'}\n\n## Custom Instructions\n\n`);
    if (own !== '') script.text(own);
    else script.template(thinks ? THINKS : ANSWERS);
    script.template('\n\n');
    if (tools.length > 0) {
      script.template(TOOLS_BEFORE);
      for (const tool of tools) script.text(`${toPython(tool)}\n`);
      script.template(TOOLS_AFTER);
    }
  }
  const open = thinks ? OPEN_ANSWER : `${OPEN_ANSWER}<think>\n\n</think>\n`;
  for (const turn of turns) {
    if (turn.role === 'user') {
      writeTurn(script, turn);
    } else if (turn.role === 'tool') {
      script.template('<|im_start|>user\n');
      script.content(turn);
      script.template('<|im_end|>\n');
    } else if (turn.role === 'assistant') {
      if (turn.toolCalls.length > 0) {
        throw new ForetokenError(
          'chat.message',
          "this model's template shows no tool_calls: leave them in the content, as the model wrote them, between <tool_call> and </tool_call>",
        );
      }
      script.template(open);
      script.content(turn, lstripLines(turn.content));
      script.template('<|im_end|>\n');
    }
  }
  if (addGenerationPrompt) script.template(open);
};
