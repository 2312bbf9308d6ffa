import { load } from 'foretoken';

const model = await load('foretoken-code');
const encoder = new TextEncoder();
for await (const { text } of model.generate('export function clamp(', { maxTokens: 64 })) {
  await Deno.stdout.write(encoder.encode(text));
}
