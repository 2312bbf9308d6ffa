/**
 * Browsers: page.html?name=NAME&threads=THREADS&granted=THREADS, given out by the test server.
 * @module
 */
import { runAndPost } from './outcome.ts';

const query = new URLSearchParams(location.search);
await runAndPost(query.get('name') ?? 'page', {
  base: `${location.origin}/`,
  threads: Number(query.get('threads')),
  granted: Number(query.get('granted')),
});
