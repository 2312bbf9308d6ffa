/**
 * Chat templates as models publish them, as far as a package of npm has them: `@huggingface/ollama-utils` lists those of many GGUF files.
 * It keeps the list to itself, so it is read out of its source. Two models that are not in it have a template of the same rules here.
 * @module
 */
import { readFileSync } from 'node:fs';
import { repositoryFile } from '../harness.ts';

export interface Published {
  readonly model: string;
  readonly text: string;
}

const LIST = 'node_modules/@huggingface/ollama-utils/src/chat-template-automap.ts';

export function publishedTemplates(): readonly Published[] {
  const source = readFileSync(repositoryFile(LIST), 'utf8');
  const entries = source.matchAll(/model: "([^"]*)",\s*gguf:\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/g);
  return [...entries].map(([, model, literal]) => ({ model: model!, text: textOf(literal!) }));
}

/** What a literal of either kind of quotes stands for. */
function textOf(literal: string): string {
  if (literal.startsWith('"')) return JSON.parse(literal);
  const inside = literal.slice(1, -1).replaceAll("\\'", "'").replaceAll('"', '\\"');
  return JSON.parse(`"${inside}"`);
}

/** Written for this test by the rules of Mistral 7B Instruct 0.3, whose text is in no package. */
export const MISTRAL_TOOLS = `{{ bos_token }}
{%- set questions = messages | selectattr('role', 'equalto', 'user') | list %}
{%- for m in messages %}
  {%- if m.role == 'user' %}
    {%- if tools and m == questions[-1] %}
      {{- ' [AVAILABLE_TOOLS] [' }}
      {%- for tool in tools %}
        {{- '{"type": "function", "function": {' }}
        {%- for name, value in tool.function | items if name != 'return' %}
          {{- '"' + name + '": ' + ('"' + value + '"' if value is string else value | tojson) }}{{ ', ' if not loop.last else '' }}
        {%- endfor %}
        {{- '}}' + (', ' if not loop.last else '] [/AVAILABLE_TOOLS]') }}
      {%- endfor %}
    {%- endif %}
    {{- ' [INST] ' + m.content + ' [/INST]' }}
  {%- elif m.role == 'assistant' and m.tool_calls %}
    {{- ' [TOOL_CALLS] [' }}
    {%- for call in m.tool_calls %}
      {{- {'name': call.function.name, 'arguments': call.function.arguments, 'id': call.id} | tojson }}{{ ', ' if not loop.last else '' }}
    {%- endfor %}
    {{- '] ' + eos_token }}
  {%- elif m.role == 'assistant' %}
    {{- ' ' + m.content + ' ' + eos_token }}
  {%- else %}
    {{- ' [TOOL_RESULTS] {"call_id": "' + m.tool_call_id + '", "content": ' + m.content + '} [/TOOL_RESULTS] ' }}
  {%- endif %}
{%- endfor %}`;

/** Written for this test by the rules of SmolLM3 3B, whose text is in no package. Tools are given as Python prints them. */
export const SMOLLM3 = `{%- set said = messages[0].content if messages[0].role == 'system' else '' %}
{%- set thinks = enable_thinking if enable_thinking is defined else true %}
{%- if '/no_think' in said %}{% set thinks = false %}{% elif '/think' in said %}{% set thinks = true %}{% endif %}
{%- set own = said.replace('/no_think', '').replace('/think', '').rstrip() %}
{{- '<|im_start|>system\\n' }}
{%- if '/system_override' in said %}
  {{- own.replace('/system_override', '').rstrip() + '<|im_end|>\\n' }}
{%- else %}
  {{- '## Metadata\\n\\nKnowledge Cutoff Date: June 2025\\nToday Date: ' + strftime_now('%d %B %Y') }}
  {{- '\\nReasoning Mode: ' + ('/think' if thinks else '/no_think') + '\\n\\n## Custom Instructions\\n\\n' }}
  {{- (own if own else 'DEFAULT') + '\\n\\n' }}
  {%- if tools %}
    {{- '### Tools\\n\\nYou may call one or more functions to assist with the user query.\\n' }}
    {{- 'You are provided with function signatures within <tools></tools> XML tags:\\n\\n<tools>\\n' }}
    {%- for tool in tools %}{{ tool + '\\n' }}{% endfor %}
    {{- '</tools>\\n\\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:\\n' }}
    {{- '<tool_call>\\n{"name": <function-name>, "arguments": <args-json-object>}\\n</tool_call>\\n\\n<|im_end|>\\n' }}
  {%- endif %}
{%- endif %}
{%- set open = '<|im_start|>assistant\\n' + ('' if thinks else '<think>\\n\\n</think>\\n') %}
{%- for m in messages %}
  {%- if m.role == 'user' %}
    {{- '<|im_start|>user\\n' + m.content + '<|im_end|>\\n' }}
  {%- elif m.role == 'tool' %}
    {{- '<|im_start|>user\\n' + m.content + '<|im_end|>\\n' }}
  {%- elif m.role == 'assistant' %}
    {{- open + m.content.lstrip('\\n') + '<|im_end|>\\n' }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ open }}{% endif %}`;
