/** Files by URL from a real server that supports Range, ignores it, or gets it wrong. */
import { gzipSync } from 'node:zlib';
import type { ByteSource } from '../../src/formats/byte-source.ts';
import { openFolder, openSource } from '../../src/formats/folder.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { writeSafetensors } from '../../src/formats/safetensors-writer.ts';
import { readFloats } from '../../src/formats/tensors.ts';
import { openUrl, type UrlOptions } from '../../src/runtime/web.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { type Answer, type Exchange, partial, rangedAnswer, type Server, serve, wholeAnswer } from './http-server.ts';
import { rejection } from './rejection.ts';

const next = random(11);
const MEGABYTE = 2 ** 20;
/** Larger than what a connection buffers, so that servers notice whether it is read. */
const file = Uint8Array.from({ length: 6 * MEGABYTE }, () => randomInt(next, 256));

async function served(bytes: Uint8Array, answer: Answer, use: (server: Server) => Promise<void>): Promise<void> {
  const server = await serve(bytes, answer);
  try {
    await use(server);
  } finally {
    await server.close();
  }
}

const open = async ({ url }: Server, options: UrlOptions = {}): Promise<ByteSource> =>
  (await openUrl(url, 'model.bin', { retryMs: 1, ...options }))!;

function same(bytes: Uint8Array, offset: number): boolean {
  return Buffer.compare(bytes, file.subarray(offset, offset + bytes.length)) === 0;
}

/** Reads front to back in pieces of a megabyte and compares. */
async function readOn(source: ByteSource, from = 0): Promise<void> {
  for (let at = from; at < source.size; at += MEGABYTE) {
    const bytes = await source.read(at, Math.min(MEGABYTE, source.size - at));
    assert.ok(same(bytes, at), `bytes from ${at}`);
  }
}

for (const [title, answer] of [
  ['supports Range', rangedAnswer],
  ['ignores Range', wholeAnswer],
] as const) {
  test(`a server that ${title} is asked once when the file is read front to back`, () =>
    served(file, answer, async (server) => {
      const source = await open(server);
      assert.is(source.size, file.length);
      await readOn(source);
      assert.equal(server.ranges, ['bytes=0-']);
    }));
}

test('a jump is one more request where Range is supported, a small gap is none', () =>
  served(file, rangedAnswer, async (server) => {
    const source = await open(server);
    assert.ok(same(await source.read(0, 8), 0));
    assert.ok(same(await source.read(1000, 8), 1000));
    assert.equal(server.ranges, ['bytes=0-']);
    assert.ok(same(await source.read(5 * MEGABYTE, 8), 5 * MEGABYTE));
    assert.ok(same(await source.read(5, 8), 5));
    assert.equal(server.ranges, ['bytes=0-', `bytes=${5 * MEGABYTE}-`, 'bytes=5-']);
    source.close?.();
  }));

test('where Range is ignored, a jump forwards reads on and a jump backwards starts again', () =>
  served(file, wholeAnswer, async (server) => {
    const source = await open(server);
    assert.ok(same(await source.read(5 * MEGABYTE, 8), 5 * MEGABYTE));
    assert.equal(server.ranges, ['bytes=0-']);
    await readOn(source, 100);
    assert.equal(server.ranges, ['bytes=0-', '']);
  }));

test('reads at once, in any order, are answered rightly (seed 12)', () =>
  served(file, rangedAnswer, async (server) => {
    const source = await open(server);
    const order = random(12);
    const offsets = Array.from({ length: 20 }, () => randomInt(order, file.length - 50_000));
    const all = await Promise.all(offsets.map((offset) => source.read(offset, 50_000)));
    for (const [i, bytes] of all.entries()) assert.ok(same(bytes, offsets[i]!));
    source.close?.();
  }));

test('a broken connection is taken up where it broke', () => {
  const breaking: Answer = ({ bytes, range, response }) => {
    const { first } = range!;
    response.writeHead(206, {
      'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}`,
      'content-length': bytes.length - first,
    });
    if (bytes.length - first < MEGABYTE) response.end(bytes.subarray(first));
    else response.write(bytes.subarray(first, first + MEGABYTE), () => response.destroy());
  };
  return served(file, breaking, async (server) => {
    await readOn(await open(server));
    assert.ok(server.ranges.length > 1, `${server.ranges.length} requests`);
  });
});

/** Answers as `answer`, but `cut` to all requests that are no multiple of `every`. */
const everyTime = (every: number, answer: Answer, cut: Answer): Answer => {
  return (exchange) => (exchange.count % every === 1 ? answer : cut)(exchange);
};
const breakOff: Answer = ({ response }) => void response.destroy();

test('a server that is away for five requests is asked again, from the byte reached; one that is away for six is not', async () => {
  const breaking: Answer = (exchange) => {
    const { bytes, range, response } = exchange;
    const { first } = range!;
    response.writeHead(206, { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` });
    response.write(bytes.subarray(first, first + 2 * MEGABYTE), () => response.destroy());
  };
  for (const [title, away] of [
    ['closes connections', breakOff],
    ['answers 503', status(503)],
  ] as const) {
    await served(file, everyTime(5, breaking, away), async (server) => {
      await readOn(await open(server));
      const starts = server.ranges.map((range) => Number(/^bytes=(\d+)-$/.exec(range)![1]));
      assert.equal(
        starts,
        starts.toSorted((a, b) => a - b),
        title,
      );
      assert.ok(starts.filter((start) => start === starts[1]).length >= 4, `${title}: ${starts}`);
    });
    await served(file, everyTime(100, breaking, away), async (server) => {
      const error = await rejection(async () => readOn(await open(server)));
      assert.is(error.code, 'source.read', title);
      assert.ok(server.ranges.length <= 1 + 5, `${title}: ${server.ranges.length} requests`);
    });
  }
});

test('where Range is ignored, a file that broke off is started again and goes on from the byte reached', () => {
  const cut: Answer = ({ bytes, response }) => {
    response.writeHead(200, { 'content-length': bytes.length, etag: '"one"' });
    response.write(bytes.subarray(0, 2 * MEGABYTE + 77), () => response.destroy());
  };
  const whole: Answer = ({ bytes, response }) =>
    void response.writeHead(200, { 'content-length': bytes.length, etag: '"one"' }).end(bytes);
  return served(file, everyTime(2, cut, whole), async (server) => {
    await readOn(await open(server));
    assert.equal(server.ranges, ['bytes=0-', '']);
  });
});

test('a broken connection is taken up for the version that was opened: a new one in between is a change', async () => {
  const asked: (string | undefined)[] = [];
  let etag = '"one"';
  const careful: Answer = (exchange) => {
    const { bytes, range, request, response, count } = exchange;
    const condition = request.headers['if-range'] as string | undefined;
    asked.push(condition);
    response.setHeader('etag', etag);
    if (condition !== undefined && condition !== etag) return wholeAnswer(exchange);
    const { first } = range!;
    response.writeHead(206, { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` });
    if (count > 1) response.end(bytes.subarray(first));
    else response.write(bytes.subarray(first, first + MEGABYTE), () => response.destroy());
  };
  await served(file, careful, async (server) => readOn(await open(server)));
  assert.equal(asked, [undefined, '"one"']);
  await served(file, careful, async (server) => {
    const source = await open(server);
    etag = '"two"';
    assert.is((await rejection(() => readOn(source))).code, 'source.changed');
  });
  asked.splice(0);
  etag = 'W/"weak"'; // says nothing of bytes, so it is no condition
  await served(file, careful, async (server) => readOn(await open(server)));
  assert.equal(asked, [undefined, undefined]);
});

test('a connection that goes silent is taken up again; a server that is always silent fails', async () => {
  const silent: Answer = ({ bytes, range, response }) => {
    const { first } = range!;
    response.writeHead(206, { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` });
    response.write(bytes.subarray(first, first + 1000));
  };
  await served(file, everyTime(2, silent, rangedAnswer), async (server) => {
    await readOn(await open(server, { timeoutMs: 1000 }));
    assert.equal(server.ranges, ['bytes=0-', 'bytes=1000-']);
  });
  await served(
    file,
    everyTime(100, silent, () => {}),
    async (server) => {
      const source = await open(server, { timeoutMs: 1000 });
      assert.is((await rejection(() => readOn(source))).code, 'source.read');
      assert.is(server.ranges.length, 1 + 5);
    },
  );
  await served(
    file,
    () => {},
    async (server) => assert.is((await rejection(() => open(server, { timeoutMs: 1000 }))).code, 'source.read'),
  );
});

test('a part that stops before the end it announced is asked for the rest', () => {
  const short: Answer = ({ bytes, range, response, count }) => {
    const { first } = range!;
    response.writeHead(206, { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` });
    response.end(count === 1 ? bytes.subarray(first, first + 12_345) : bytes.subarray(first));
  };
  return served(file, short, async (server) => {
    await readOn(await open(server));
    assert.equal(server.ranges, ['bytes=0-', 'bytes=12345-']);
  });
});

test('an abort ends the pause between two tries with its reason', () =>
  served(file, firstGood(breakOff), async (server) => {
    const source = await open(server, { retryMs: 60_000 });
    const reason = new Error('enough');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    const start = performance.now();
    assert.is(await source.read(size - 10, 10, controller.signal).catch((error: unknown) => error), reason);
    assert.ok(performance.now() - start < 30_000);
  }));

test('a server that gives less than was asked for is asked for the rest', () => {
  const capped: Answer = (exchange) => {
    const { first } = exchange.range!;
    partial(exchange, first, exchange.bytes.subarray(first, first + MEGABYTE));
  };
  return served(file, capped, async (server) => {
    await readOn(await open(server));
    assert.is(server.ranges.length, 6);
  });
});

test('redirects are followed', () => {
  const moved: Answer = (exchange) => {
    if (exchange.request.url === '/elsewhere') rangedAnswer(exchange);
    else exchange.response.writeHead(302, { location: '/elsewhere' }).end();
  };
  return served(file, moved, async (server) => readOn(await open(server)));
});

test('a range whose place is hidden is not trusted: the whole file is asked for', () => {
  const hidden: Answer = (exchange) => {
    if (exchange.range) exchange.response.writeHead(206).end(exchange.bytes);
    else wholeAnswer(exchange);
  };
  return served(file, hidden, async (server) => {
    await readOn(await open(server));
    assert.equal(server.ranges, ['bytes=0-', '']);
  });
});

const text = new TextEncoder().encode(JSON.stringify({ model_type: 'llama', padding: 'x'.repeat(5000) }));

for (const [title, answer] of [
  ['without a length', ({ bytes, response }) => response.writeHead(200).end(bytes)],
  [
    'compressed',
    ({ bytes, response }) => {
      const body = gzipSync(bytes);
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body);
    },
  ],
] satisfies [string, Answer][]) {
  test(`a file sent ${title} has its true size`, () =>
    served(text, answer, async (server) => {
      const source = await open(server);
      assert.equal([...(await source.read(0, source.size))], [...text]);
    }));
}

test('an empty file is empty', async () => {
  for (const answer of [rangedAnswer, wholeAnswer]) {
    await served(new Uint8Array(0), answer, async (server) => assert.is((await open(server)).size, 0));
  }
});

const status =
  (code: number, headers = {}): Answer =>
  ({ response }) =>
    response.writeHead(code, headers).end('<html>');

for (const [title, answer] of [
  ['404', status(404)],
  ['410', status(410)],
  ['200 with a web page', status(200, { 'content-type': 'text/html; charset=utf-8' })],
] as const) {
  test(`${title} means that there is no such file`, () =>
    served(file, answer, async ({ url }) => {
      assert.is(await openUrl(url, 'model.bin'), undefined);
      assert.is((await rejection(() => openSource(url))).code, 'source.missing');
      assert.is(await (await openFolder(url)).file('config.json'), undefined);
    }));
}

/** A good answer to the first request, which only opens the file and breaks off soon; `later` to those that follow. */
const firstGood =
  (later: Answer, headers: (count: number) => Record<string, string> = () => ({})): Answer =>
  (exchange) => {
    for (const [name, value] of Object.entries(headers(exchange.count))) exchange.response.setHeader(name, value);
    (exchange.count === 1 ? rangedAnswer : later)(exchange);
  };
const withRange =
  (contentRange: string): Answer =>
  ({ response, bytes }) =>
    response.writeHead(206, { 'content-range': contentRange }).end(bytes.subarray(0, 100));
const size = file.length;
const noLength = ({ response, bytes }: Exchange) => {
  for (let copy = 0; copy < 12; copy++) response.write(bytes);
  response.end();
};

const wrong: [title: string, code: string, answer: Answer][] = [
  ['500', 'source.read', status(500)],
  ['403', 'source.read', status(403)],
  ['204', 'source.read', ({ response }) => response.writeHead(204).end()],
  ['416 for a file that is not empty', 'source.read', status(416, { 'content-range': `bytes */${size}` })],
  ['a connection closed without answer', 'source.read', ({ response }) => response.destroy()],
  ['a range that starts elsewhere', 'source.range', withRange(`bytes 100-199/${size}`)],
  ['a range that is reversed', 'source.range', withRange(`bytes 0--1/${size}`)],
  ['a range beyond the end', 'source.range', withRange(`bytes 0-${size}/${size}`)],
  ['a range of unknown size', 'source.range', withRange('bytes 0-99/*')],
  ['a range of an absurd size', 'source.range', withRange(`bytes 0-99/${'9'.repeat(30)}`)],
  ['a range in other units', 'source.range', withRange('pages 0-99/200')],
  ['a range that was not asked for', 'source.range', ({ response }) => response.writeHead(206).end('x')],
  ['more bytes than the range', 'source.range', withRange('bytes 0-49/50')],
  [
    'a body that stops, then nothing at all',
    'source.read',
    firstGood(({ response, range }) => {
      response.writeHead(206, { 'content-range': `bytes ${range!.first}-${size - 1}/${size}` });
      response.flushHeaders();
      response.destroy();
    }),
  ],
  [
    'a whole file cut short',
    'source.read',
    ({ response, bytes }) => {
      response.writeHead(200, { 'content-length': size });
      response.write(bytes.subarray(0, 1000), () => response.destroy());
    },
  ],
  [
    'a text without length cut short',
    'source.read',
    ({ response, bytes }) => {
      response.writeHead(200);
      response.write(bytes.subarray(0, 1000), () => response.destroy());
    },
  ],
  ['72 MB without a length', 'source.size', noLength],
  ['the whole file when a part was asked for', 'source.range', firstGood(wholeAnswer)],
  ['416 in the middle', 'source.range', firstGood(status(416))],
  ['500 in the middle', 'source.read', firstGood(status(500))],
  ['404 in the middle', 'source.read', firstGood(status(404))],
  [
    'other bytes in the middle',
    'source.range',
    firstGood((exchange) => partial(exchange, 7, exchange.bytes.subarray(7))),
  ],
  [
    'a compressed part in the middle',
    'source.range',
    firstGood(({ response, bytes, range }) => {
      const { first } = range!;
      response
        .writeHead(206, { 'content-range': `bytes ${first}-${size - 1}/${size}`, 'content-encoding': 'gzip' })
        .end(gzipSync(bytes.subarray(first)));
    }),
  ],
  ['another version in the middle', 'source.changed', firstGood(rangedAnswer, (count) => ({ etag: `"${count}"` }))],
  [
    'another size in the middle',
    'source.changed',
    firstGood(({ response, bytes, range }) => {
      const { first } = range!;
      response.writeHead(206, { 'content-range': `bytes ${first}-${size}/${size + 1}` }).end(bytes.subarray(first));
    }),
  ],
];

for (const [title, code, answer] of wrong) {
  test(`${title}: ${code}`, () =>
    served(file, answer, async (server) => {
      const error = await rejection(async () => {
        const source = await open(server);
        // From the end backwards, so that the second read is a second request.
        await source.read(source.size - 10, 10);
        await source.read(0, source.size);
      });
      assert.is(error.code, code);
      assert.not.ok(error.message.includes('127.0.0.1'), 'no address in a message');
    }));
}

test('an abort ends a read at once with its reason, and the next read works', () => {
  let stalled = true;
  const stalling: Answer = (exchange) => {
    if (!stalled) return rangedAnswer(exchange);
    exchange.response.writeHead(206, { 'content-range': `bytes 0-${size - 1}/${size}` });
    exchange.response.write(exchange.bytes.subarray(0, 10));
  };
  return served(file, stalling, async (server) => {
    const source = await open(server);
    const reason = new Error('enough');
    const controller = new AbortController();
    const read = source.read(0, size, controller.signal).catch((error: unknown) => error);
    setTimeout(() => controller.abort(reason), 20);
    assert.is(await read, reason);
    stalled = false;
    await readOn(source);
  });
});

test('an abort ends opening with its reason', () =>
  served(
    file,
    () => {},
    async ({ url }) => {
      const outcome = await openUrl(url, 'x', { signal: AbortSignal.timeout(20) }).catch((error: unknown) => error);
      assert.is((outcome as Error).name, 'TimeoutError');
    },
  ));

test('a signal of opening does not reach the reads after it', () =>
  served(file, rangedAnswer, async ({ url }) => {
    const controller = new AbortController();
    const source = (await openUrl(url, 'x', { signal: controller.signal }))!;
    controller.abort();
    await readOn(source);
  }));

test('a folder by URL keeps its query, escapes names, and closes what it opened', () =>
  served(
    file,
    (exchange) => rangedAnswer(exchange),
    async ({ url, ranges }) => {
      const asked: string[] = [];
      const folder = await openFolder(`${url}/?token=1`, {
        fetch: (address, init) => {
          asked.push(address.slice(address.indexOf('/model.bin')));
          return fetch(address, init);
        },
      });
      const source = (await folder.file('heads/a b?.json'))!;
      assert.equal(asked, ['/model.bin/heads/a%20b%3F.json?token=1']);
      folder.close?.();
      await readOn(source);
      assert.is(ranges.length, 2);
    },
  ));

test('a host that gives fetch no way to stop is stopped all the same', async () => {
  const endless = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const answer = () => Promise.resolve(new Response(endless, { headers: { 'content-length': '100' } }));
  const source = (await openUrl('x:', 'x', { fetch: answer }))!;
  const reason = new Error('enough');
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 20);
  assert.is(await source.read(0, 1, controller.signal).catch((error: unknown) => error), reason);
});

test('memory that a body comes in is given back at once, where nothing else lies in it', async () => {
  const pieces = [file.slice(0, 5000), file.slice(5000, 9000), file.subarray(9000, 12_000), file.slice(12_000, 13_000)];
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const answer = async () => new Response(body, { headers: { 'content-length': '13000' } });
  const source = (await openUrl('x:', 'x', { fetch: answer }))!;
  assert.ok(same(await source.read(0, 13_000), 0));
  const canDetach = 'transfer' in ArrayBuffer.prototype;
  // The source still holds the last piece.
  assert.equal(
    pieces.map(({ length }) => length),
    canDetach ? [0, 0, 3000, 1000] : [5000, 4000, 3000, 1000],
  );
});

test('a safetensors file by URL is one request, header and weights', async () => {
  const values = Float32Array.from({ length: MEGABYTE }, (_, i) => i);
  const bytes = writeSafetensors([
    ['a', { dtype: 'F32', shape: [1024, 1024], data: values }],
    ['b', { dtype: 'F32', shape: [1024, 1024], data: values }],
  ]);
  for (const answer of [rangedAnswer, wholeAnswer]) {
    await served(bytes, answer, async (server) => {
      const { tensors } = await readSafetensors(await open(server));
      let sum = 0;
      for (const tensor of tensors.values()) {
        for await (const { data } of readFloats(tensor)) for (const value of data) sum += value;
      }
      assert.is(sum, MEGABYTE * (MEGABYTE - 1));
      assert.is(server.ranges.length, 1);
    });
  }
});

test.run();
