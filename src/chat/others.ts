/**
 * The templates of Gemma, Phi-3 and Zephyr.
 * @module
 */
import { noSystem } from './mistral.ts';
import { strip } from './python.ts';
import { checkAlternates, type Render, splitSystem } from './template.ts';

/** Gemma. @param system whether a system message goes into the first question, as in Gemma 3, or is refused */
export function gemma(system: 'first' | 'refused'): Render {
  return ({ turns, addGenerationPrompt, bos }, script) => {
    const { system: instruction, rest } = splitSystem(turns);
    if (instruction && system === 'refused') throw noSystem();
    checkAlternates(rest);
    script.template(bos);
    for (const [i, turn] of rest.entries()) {
      script.template(`<start_of_turn>${turn.role === 'assistant' ? 'model' : turn.role}\n`);
      if (i === 0 && instruction) script.text(`${instruction.content}\n\n`);
      script.content(turn, strip(turn.content));
      script.template('<end_of_turn>\n');
    }
    if (addGenerationPrompt) script.template('<start_of_turn>model\n');
  };
}

/**
 * Phi-3 mini. Where no answer is asked for, the text ends with the end of a text.
 * @param emptySystem whether an empty system message is shown; Phi-3.5 leaves it out
 */
export function phi3(emptySystem: boolean): Render {
  return ({ turns, addGenerationPrompt, eos }, script) => {
    for (const turn of turns) {
      if (turn.role === 'system' && turn.content === '' && !emptySystem) continue;
      script.template(`<|${turn.role}|>\n`);
      script.content(turn);
      script.template('<|end|>\n');
    }
    script.template(addGenerationPrompt ? '<|assistant|>\n' : eos);
  };
}

/** Zephyr, and TinyLlama's chat. Its marks are text to its tokenizer. */
export const zephyr: Render = ({ turns, addGenerationPrompt, eos }, script) => {
  for (const turn of turns) {
    script.template(`<|${turn.role}|>\n`);
    script.content(turn);
    script.template(`${eos}\n`);
  }
  if (addGenerationPrompt) script.template('<|assistant|>\n');
};
