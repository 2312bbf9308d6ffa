// workerd, the runtime of Cloudflare Workers. `node examples/serve.mjs` serves the weights; then, in this folder:
//   npx esbuild worker.js --bundle --format=esm --conditions=workerd '--external:*.wasm' --tsconfig-raw={} --outfile=build/worker.js
//   cp ../../dist/kernels.wasm build/ && npx workerd serve config.capnp
//   curl http://127.0.0.1:8080/
import { load } from 'foretoken';

let loading;

// biome-ignore lint/style/noDefaultExport: the form in which workerd expects its handlers
export default {
  async fetch() {
    loading ??= load('http://127.0.0.1:8000/weights/foretoken-code/');
    const model = await loading;
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    const encoder = new TextEncoder();
    const write = async () => {
      for await (const { text } of model.generate('export function clamp(', { maxTokens: 48 })) {
        await writer.write(encoder.encode(text));
      }
      await writer.close();
    };
    write().catch((error) => writer.abort(error));
    return new Response(readable, { headers: { 'content-type': 'text/plain; charset=utf-8' } });
  },
};
