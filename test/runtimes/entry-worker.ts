/**
 * workerd: a request with ?name=NAME&base=SERVER.
 * @module
 */
import kernels from 'foretoken/kernels.wasm';
import { runAndPost } from './outcome.ts';

// biome-ignore lint/style/noDefaultExport: the form in which workerd expects its handlers
export default {
  async fetch(request: Request): Promise<Response> {
    const query = new URL(request.url).searchParams;
    await runAndPost(query.get('name') ?? 'worker', { base: query.get('base') ?? '', kernels });
    return new Response('done');
  },
};
