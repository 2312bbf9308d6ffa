import { load } from 'foretoken';

const model = await load('foretoken-code');
for await (const { text } of model.generate('export function clamp(', { maxTokens: 64 })) {
  await Bun.write(Bun.stdout, text);
}
