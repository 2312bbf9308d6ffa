/**
 * Versions of what is measured.
 * @module
 */
import { readFileSync } from 'node:fs';

const PACKAGES = [
  'node-llama-cpp',
  '@wllama/wllama',
  'onnxruntime-web',
  'onnxruntime-node',
  '@tensorflow/tfjs-backend-wasm',
] as const;

export function versions(): string {
  const of = (name: string) => {
    const file = new URL(`./node_modules/${name}/package.json`, import.meta.url);
    return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`;
  };
  return `Versions: ${PACKAGES.map(of).join(', ')}.`;
}
