// Deno: deno run --allow-read examples/deno.ts
import { load } from 'foretoken';

const model = await load(new URL('../weights/foretoken-code', import.meta.url));
const encoder = new TextEncoder();
for await (const { text } of model.generate('export function clamp(', { maxTokens: 48 })) {
  await Deno.stdout.write(encoder.encode(text));
}
console.log();
model.dispose();
