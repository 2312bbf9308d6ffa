/**
 * workerd: a request with ?name=NAME&base=SERVER&build=BUILD.
 * @module
 */
import trainingModule from 'foretoken/gradient.wasm';
import relaxedKernels from 'foretoken/kernels-relaxed.wasm';
import { runAndPost } from './outcome.ts';

// biome-ignore lint/style/noDefaultExport: the form in which workerd expects its handlers
export default {
  async fetch(request: Request): Promise<Response> {
    const query = new URL(request.url).searchParams;
    // workerd has shared memory, and no workers to share it with.
    const relaxed = query.get('build') === 'relaxed';
    await runAndPost(query.get('name') ?? 'worker', {
      base: query.get('base') ?? '',
      threads: 2,
      granted: 1,
      trainingModule,
      ...(relaxed && { module: relaxedKernels }),
    });
    return new Response('done');
  },
};
