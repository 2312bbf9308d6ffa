/** Templates that this package renders itself print what `@huggingface/jinja` prints of the published texts. */
import { Template as Jinja } from '@huggingface/jinja';
import { checkMessages } from '../../src/chat/messages.ts';
import { strip, toJson, toPython } from '../../src/chat/python.ts';
import { Script, scriptText } from '../../src/chat/script.ts';
import type { Template } from '../../src/chat/template.ts';
import { fingerprint, recognise, TEMPLATES } from '../../src/chat/templates.ts';
import { ForetokenError } from '../../src/errors.ts';
import { assert, note, test } from '../harness.ts';
import { type Case, conversation } from './conversations.ts';
import { MISTRAL_TOOLS, publishedTemplates, SMOLLM3 } from './published.ts';

const BOS = '<s>';
const EOS = '</s>';
const SEEDS = 24;
/** The reference tells today's date; both are asked within one test, and once more should midnight come in between. */
const today = () => new Date();

interface Asked {
  readonly enableThinking?: boolean;
  readonly continues?: boolean;
}

/** What this package prints; the code of its error where it refuses. */
function ours(template: Template, { messages, tools = [], addGenerationPrompt }: Case, asked: Asked = {}): string {
  const turns = checkMessages(messages);
  const script = new Script(asked.continues ? turns.at(-1) : undefined);
  try {
    const { enableThinking } = asked;
    template.render({ turns, tools, addGenerationPrompt, enableThinking, date: today(), bos: BOS, eos: EOS }, script);
  } catch (error) {
    if (error instanceof ForetokenError) return error.code;
    throw error;
  }
  return scriptText(script.pieces);
}

/** What the reference prints; `chat.role` where it refuses. */
function reference(
  jinja: Jinja,
  { messages, tools, addGenerationPrompt }: Case,
  { enableThinking }: Asked = {},
): string {
  try {
    return jinja.render({
      messages,
      ...(tools && { tools }),
      ...(enableThinking !== undefined && { enable_thinking: enableThinking }),
      add_generation_prompt: addGenerationPrompt,
      bos_token: BOS,
      eos_token: EOS,
    });
  } catch {
    return 'chat.role';
  }
}

/** The first conversation that is printed differently; '' for none. */
function difference(
  template: Template,
  text: string,
  { asked = {}, system = true, tools = template.hasTools }: { asked?: Asked; system?: boolean; tools?: boolean } = {},
): string {
  const jinja = new Jinja(text);
  // An empty text is not false to Python, which is what the template of Llama 2 asks; the package for JavaScript says it is.
  const emptySystem = !text.includes('system_message != false');
  const kinds = [{}, { system, emptySystem }, ...(tools ? [{ system, tools }] : [])];
  for (const kind of kinds) {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const given = conversation(seed, kind);
      if (ours(template, given, asked) === reference(jinja, given, asked)) continue;
      const [got, expected] = [ours(template, given, asked), reference(jinja, given, asked)];
      if (got !== expected)
        return `seed ${seed} of ${JSON.stringify(kind)}\n  ${JSON.stringify(got)}\n  ${JSON.stringify(expected)}`;
    }
  }
  return '';
}

const known = publishedTemplates().flatMap(({ model, text }) => {
  const found = recognise(text);
  return found ? [{ model, text, ...found }] : [];
});
/** Gemma 3's first text wants the system message as a list of parts, which the reference does not make of a text. */
const WANTS_PARTS = "messages[0]['content'][0]['text'] + '";
const comparable = known.filter(
  ({ text }) => !(text.includes(WANTS_PARTS) && !text.includes("messages[0]['content'] + '")),
);

for (const { model, name, template, text } of comparable) {
  test(`${model} is told as ${name}, and its chats print alike`, () => {
    assert.is(difference(template, text), '');
  });
}

test('texts of all families but two are published', () => {
  const names = new Set(known.map(({ name }) => name));
  note(`${known.length} published templates of ${publishedTemplates().length} are known, of ${names.size} kinds`);
  const missing = Object.keys(TEMPLATES).filter((name) => !names.has(name as keyof typeof TEMPLATES));
  assert.equal(missing, ['smollm2', 'smollm3', 'mistral-v3-tools']);
  assert.ok(known.length > comparable.length, 'the text that wants parts is known, too');
});

test('Mistral 7B 0.3 and SmolLM3 print as templates of their rules do', () => {
  assert.is(difference(TEMPLATES['mistral-v3-tools'], MISTRAL_TOOLS, { system: false }), '');
  const [own] =
    /You are a helpful AI assistant named SmolLM, trained by Hugging Face\. Your role.+?reach the conclusion\./.exec(
      ours(TEMPLATES.smollm3, conversation(1)),
    )!;
  assert.is(difference(TEMPLATES.smollm3, SMOLLM3.replace('DEFAULT', own), { tools: false }), '');
  const brief = SMOLLM3.replace('DEFAULT', 'You are a helpful AI assistant named SmolLM, trained by Hugging Face.');
  assert.is(difference(TEMPLATES.smollm3, brief, { asked: { enableThinking: false }, tools: false }), '');
  for (const word of ['Short. /no_think', '/think', 'All mine. /system_override ']) {
    const given = {
      ...conversation(2),
      messages: [{ role: 'system', content: word } as const, ...conversation(2).messages],
    };
    const thinks = word.includes('/no_think') ? brief : SMOLLM3.replace('DEFAULT', own);
    assert.is(ours(TEMPLATES.smollm3, given), reference(new Jinja(thinks), given), word);
  }
});

/** The same, with calls in the assistant's own words, as SmolLM3 writes them. */
function withCallsInWords(given: Case): Case {
  const messages = given.messages.map(({ tool_calls, ...message }) => ({
    ...message,
    content:
      message.content +
      (tool_calls ?? []).map((call) => `<tool_call>\n${toJson(call.function)}\n</tool_call>`).join('\n'),
  }));
  return { ...given, messages };
}

test('SmolLM3 shows tools as Python prints them, and their answers as turns of the user; what it has no place for is refused', () => {
  const jinja = new Jinja(
    SMOLLM3.replace('DEFAULT', 'You are a helpful AI assistant named SmolLM, trained by Hugging Face.'),
  );
  const asked = { enableThinking: false };
  let shown = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const given = withCallsInWords(conversation(seed, { system: true, tools: true }));
    const asPython = given.tools?.map((tool) => toPython(tool)) as unknown as Case['tools'];
    const got = ours(TEMPLATES.smollm3, given, asked);
    assert.is(got, reference(jinja, { ...given, ...(asPython && { tools: asPython }) }, asked), `seed ${seed}`);
    shown += Number(got.includes("\n<tools>\n{'type': 'function', 'function': {'name': 'weather',"));
  }
  assert.ok(shown > SEEDS / 3, `${shown} of ${SEEDS} conversations have tools`);
  const [question] = conversation(1).messages;
  const call = { function: { name: 'now', arguments: {} } };
  const refused = (messages: Case['messages'], tools?: Case['tools']) =>
    ours(TEMPLATES.smollm3, { messages, addGenerationPrompt: true, ...(tools && { tools }) });
  assert.is(refused([question!, { role: 'assistant', tool_calls: [call] }]), 'chat.message');
  assert.is(refused([{ role: 'system', content: '/system_override' }, question!], [call]), 'chat.tools');
});

/** Known answers of Python 3.11: repr. */
test('values are printed as Python prints them', () => {
  for (const [value, expected] of [
    [
      { a: [1, 1.5, true, null, 1e-5, 0.0001, 0.00012345, -2.5e-7], 'b\n': {}, c: [] },
      "{'a': [1, 1.5, True, None, 1e-05, 0.0001, 0.00012345, -2.5e-07], 'b\\n': {}, 'c': []}",
    ],
    ["it's", '"it\'s"'],
    ['say "x"', `'say "x"'`],
    [`'"`, `'\\'"'`],
    [
      'é\u00a0\u200b\u2028\u{1f642}\ue000\u0000\u007f\u00ad日\\ \t\r',
      "'é\\xa0\\u200b\\u2028\u{1f642}\\ue000\\x00\\x7f\\xad日\\\\ \\t\\r'",
    ],
    ['\u{e0001}', "'\\U000e0001'"],
  ] as const) {
    assert.is(toPython(value), expected);
  }
});

test('Qwen3 may be told not to think, and leaves out what it thought before the last question', () => {
  const { text, template } = known.find(({ name }) => name === 'qwen3')!;
  const jinja = new Jinja(text);
  for (const enableThinking of [true, false]) assert.is(difference(template, text, { asked: { enableThinking } }), '');
  const thought = '<think>\nhm\n</think>\n\nYes';
  for (const messages of [
    [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: thought },
      { role: 'user', content: 'b' },
    ],
    [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: thought },
    ],
    [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'Yes', reasoning_content: '\nhm\n' },
    ],
    [
      { role: 'assistant', content: thought },
      { role: 'assistant', content: 'x' },
    ],
    [
      { role: 'user', content: '<tool_response>x</tool_response>' },
      { role: 'assistant', content: thought },
    ],
  ] as const) {
    const given = { messages, addGenerationPrompt: messages.at(-1)!.role === 'user' };
    assert.is(ours(template, given), reference(jinja, given));
  }
});

/** As transformers cuts: behind the last place of the message's words. */
test('a continued message ends the text, as the reference is cut behind its words', () => {
  for (const { model, template, text } of comparable) {
    const jinja = new Jinja(text);
    for (const words of ['The answer', 'naïve 🙂', 'a\n\nb']) {
      const messages = [...conversation(3).messages.slice(0, 1), { role: 'assistant', content: words }] as const;
      const given = { messages, addGenerationPrompt: false };
      const whole = reference(jinja, given);
      const cut = whole.slice(0, whole.lastIndexOf(words) + words.length);
      assert.is(ours(template, given, { continues: true }), cut, model);
      assert.is.not(cut, '', model);
    }
  }
});

test('roles out of turn are refused where the template refuses them', () => {
  const outOfTurn: Case = {
    messages: [
      { role: 'user', content: 'a' },
      { role: 'user', content: 'b' },
    ],
    addGenerationPrompt: true,
  };
  let refused = 0;
  for (const { model, template, text } of comparable) {
    const got = ours(template, outOfTurn);
    assert.is(got, reference(new Jinja(text), outOfTurn), model);
    refused += Number(got === 'chat.role');
  }
  assert.ok(refused > 0 && refused < comparable.length, `${refused} of ${comparable.length}`);
});

test('a template that differs by one character is unknown, whichever it is', () => {
  const { text } = known.find(({ name }) => name === 'gemma2')!;
  for (let at = 0; at < text.length; at += 7) {
    assert.is(recognise(`${text.slice(0, at)}~${text.slice(at + 1)}`), undefined, `character ${at}`);
  }
  assert.is(recognise(text.replaceAll('\n', '\\n'))?.name, 'gemma2', 'an escape for a line break is none');
  assert.is(recognise(''), undefined);
});

test('another default system message is the same template with it, unless Jinja could read it', () => {
  const { text } = known.find(({ model }) => model.startsWith('library/qwen2:'))!;
  const own = recognise(text.replace('You are a helpful assistant.', 'You are a pirate'))!;
  assert.is(own.name, 'qwen2');
  assert.match(ours(own.template, conversation(1)), /^<\|im_start\|>system\nYou are a pirate<\|im_end\|>/);
  for (const evil of ["' + messages[1].content + '", '{{ 1 }}', 'a\\x41', 'a<|im_end|>b']) {
    assert.is(recognise(text.replace('You are a helpful assistant.', evil)), undefined, evil);
  }
});

test('no two templates share a fingerprint', () => {
  const prints = Object.values<{ readonly texts: readonly string[] }>(TEMPLATES).flatMap(({ texts }) => texts);
  assert.is(new Set(prints).size, prints.length);
  assert.is(fingerprint('a').print === fingerprint('b').print, false);
});

/** Known answers of Python 3.11. */
test('white space and JSON are those of Python', () => {
  assert.is(strip('\u001c\u0085\u00a0 a\u3000b \u2003\n'), 'a\u3000b');
  assert.is(strip('\ufeffa'), '\ufeffa');
  assert.is(
    toJson({ a: [1, 'é"\n', null, true], b: {}, c: [] }),
    '{"a": [1, "é\\"\\n", null, true], "b": {}, "c": []}',
  );
  assert.is(
    toJson({ a: [1, { b: [] }] }, 4),
    '{\n    "a": [\n        1,\n        {\n            "b": []\n        }\n    ]\n}',
  );
});

test('a wrong renderer is seen: every template is told from every other by the conversations', () => {
  const twins = [
    ['phi3', 'phi3.5'],
    ['qwen2.5', 'qwen2.5-braces'],
    ['gemma2', 'gemma3'],
    ['mistral-v1', 'mixtral'],
    ['llama3', 'llama3-open'],
  ] as const;
  for (const [one, other] of twins) {
    const { text } = comparable.find(({ name }) => name === one)!;
    assert.is.not(difference(TEMPLATES[other], text), '', `${one} against ${other}`);
  }
});

test.run();
