/**
 * The templates that are rendered by this package's own code, and how they are told by their text: a published text is looked up by its
 * fingerprint. A template is never executed, so one that differs by a word is another template, and unknown.
 * @module
 */
import { CHATML_ENDS, chatml, qwen25, qwen3 } from './chatml.ts';
import { LLAMA3_ENDS, llama2, llama3, llama31 } from './llama.ts';
import { mistral, mistral03 } from './mistral.ts';
import { gemma, phi3, zephyr } from './others.ts';
import { smollm3 } from './smollm3.ts';
import type { Render, Template } from './template.ts';

const QWEN2_SYSTEM = 'You are a helpful assistant.';
const QWEN25_SYSTEM = 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.';
const SMOLLM2_SYSTEM = 'You are a helpful AI assistant named SmolLM, trained by Hugging Face';
const LLAMA31_DATE = '26 Jul 2024';

interface Known extends Template {
  /** Fingerprints of published texts. */
  readonly texts: readonly string[];
  /** The same template with another default system message, where its text states one. */
  readonly withSystem?: (system: string) => Render;
}

const plain = (render: Render, ends: readonly string[], texts: readonly string[]): Known => ({
  render,
  ends,
  hasTools: false,
  texts,
});
const withTools = (render: Render, ends: readonly string[], texts: readonly string[]): Known => ({
  ...plain(render, ends, texts),
  hasTools: true,
});

/** By the name that the option `template` takes. */
export const TEMPLATES = {
  chatml: plain(chatml(), CHATML_ENDS, ['1af2f7d0e89bd5ae', '4d6255d7b5a6e3af']),
  qwen2: { ...plain(chatml(QWEN2_SYSTEM), CHATML_ENDS, ['4fe2bd9fb519621d', '82d723a1b90b48bb']), withSystem: chatml },
  smollm2: plain(chatml(SMOLLM2_SYSTEM), CHATML_ENDS, []),
  'qwen2.5': {
    ...withTools(qwen25(QWEN25_SYSTEM), CHATML_ENDS, ['11be6945c8998161']),
    withSystem: (system) => qwen25(system),
  },
  'qwen2.5-braces': {
    ...withTools(qwen25(QWEN25_SYSTEM, '{{'), CHATML_ENDS, ['dc091a9ff71b70c7']),
    withSystem: (system) => qwen25(system, '{{'),
  },
  qwen3: withTools(qwen3, CHATML_ENDS, ['1a2985fa91b54984']),
  smollm3: withTools(smollm3, CHATML_ENDS, ['39280abf3a6d729b']),
  llama2: plain(llama2, [], ['2be645a8745aa9c0', 'd4f7447d26a95f6d']),
  llama3: plain(llama3(), LLAMA3_ENDS, ['8dd2058ee4babf8e']),
  'llama3-open': plain(llama3(true), LLAMA3_ENDS, ['9b3c84a2ac2ffd72']),
  'llama3.1': withTools(llama31(LLAMA31_DATE), LLAMA3_ENDS, ['a371351c768a1422']),
  'llama3.2': withTools(llama31(), LLAMA3_ENDS, ['f60bd0f4d31d667c']),
  'mistral-v1': plain(
    mistral({ question: ['[INST] ', ' [/INST]'], answer: ['', 'EOS '], system: 'refused' }),
    [],
    ['0862842068246894'],
  ),
  mixtral: plain(
    mistral({ question: ['[INST] ', ' [/INST]'], answer: ['', 'EOS'], system: 'refused' }),
    [],
    ['c5b4942d9807574b'],
  ),
  'mixtral-system': plain(
    mistral({ question: [' [INST] ', ' [/INST]'], answer: [' ', 'EOS'], system: 'first' }),
    [],
    ['4359cef35f027f87'],
  ),
  'mistral-v3': plain(
    mistral({ question: ['[INST] ', '[/INST]'], answer: [' ', 'EOS'], system: 'last' }),
    [],
    ['caf451d37c7dd8bf'],
  ),
  'mistral-v3-tools': withTools(mistral03, [], ['261eb888bba29142']),
  gemma2: plain(gemma('refused'), ['<end_of_turn>'], ['0c8febf34611fc9f']),
  gemma3: plain(gemma('first'), ['<end_of_turn>'], ['35c22fe5119084c5', 'a9f6ffe5d288b1ad']),
  phi3: plain(phi3(true), ['<|end|>'], ['dd2b9dbd43c23261']),
  'phi3.5': plain(phi3(false), ['<|end|>'], ['6373452837e74322']),
  zephyr: plain(zephyr, [], ['0277dbecfa2379ac']),
} as const satisfies Readonly<Record<string, Known>>;

/** A template by name. */
export type TemplateName = keyof typeof TEMPLATES;

/** Where a text states its default system message, which may not hold what Jinja would read. */
const SYSTEM = /<\|im_start\|>system\n([^<>{}'"\\]+)<\|im_end\|>/;

/**
 * The template that a text is; undefined for an unknown one.
 * @param text as the model's files have it
 */
export function recognise(text: string): { readonly name: TemplateName; readonly template: Template } | undefined {
  const { print, system } = fingerprint(text);
  for (const [name, known] of Object.entries<Known>(TEMPLATES)) {
    if (!known.texts.includes(print)) continue;
    const render = system !== undefined && known.withSystem ? known.withSystem(system) : known.render;
    return { name: name as TemplateName, template: { ...known, render } };
  }
  return undefined;
}

/**
 * What tells a text: 64 bits of its UTF-16 units, FNV-1a and the same with the multiplier of MurmurHash. What Jinja makes no difference of is made none of: a
 * line break written as an escape, and up to two at the end. The default system message of ChatML is left out, and given apart.
 */
export function fingerprint(text: string): { readonly print: string; readonly system: string | undefined } {
  const lines = text
    .replaceAll('\r\n', '\n')
    .replaceAll('\\n', '\n')
    .replace(/\n{1,2}$/, '');
  const system = SYSTEM.exec(lines)?.[1];
  const rest = system === undefined ? lines : lines.replaceAll(system, '');
  let [a, b] = [0x811c9dc5, 0x01234567];
  for (let i = 0; i < rest.length; i++) {
    const unit = rest.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x5bd1e995);
  }
  const print = [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  return { print, system };
}
