/**
 * The build matrix: which kernels a host gets, and how one binary serves both kinds of memory.
 *
 *              one thread, memory of its own      a team of threads, shared memory
 *   plain      kernels-binary.ts                  the same bytes, the memory import marked as shared; with team-binary.ts beside them
 *   relaxed    kernels-relaxed-binary.ts          likewise
 *
 * - Plain or relaxed is the host's to say: it validates a probe or it does not. Both give the same bits.
 * - A module that imports a memory of its own cannot link to a shared one, and the other way round; nothing else differs, so the one byte
 *   that says which is patched before compiling.
 * - Atomic instructions are in the team's module alone: hosts need not take them where memory is not shared.
 * - A host that compiles nothing at run time (workerd) imports the plain kernels or is given the relaxed ones, has one thread, and reads nothing of this file.
 *
 * Binaries are imported when they are needed, so that a page fetches one build only.
 * @module
 */

/** By the instructions that kernels may use. */
export type Build = 'plain' | 'relaxed';

/** A build's name and the import of its binary. */
const BINARIES: { readonly [Name in Build]: () => Promise<{ readonly kernelsGzip: string }> } = {
  plain: () => import('./kernels-binary.ts'),
  relaxed: () => import('./kernels-relaxed-binary.ts'),
};

/** A module of one function: no parameters, one v128, the given instructions. */
const probe = (...body: number[]) =>
  Uint8Array.of(
    ...[0, 97, 115, 109, 1, 0, 0, 0], // magic, version
    ...[1, 5, 1, 96, 0, 1, 123], // one type: () -> v128
    ...[3, 2, 1, 0], // one function of that type
    ...[10, body.length + 4, 1, body.length + 2, 0, ...body, 11],
  );

/** i32.const 0, i8x16.splat */
const SIMD_PROBE = probe(65, 0, 253, 15);
/** The same vector twice, and i16x8.relaxed_dot_i8x16_i7x16_s, the one relaxed instruction that kernels may use. */
const RELAXED_PROBE = probe(65, 0, 253, 15, 65, 0, 253, 15, 253, 0x92, 2);

/** Whether this host can run any build. */
export function hasSimd(): boolean {
  return typeof WebAssembly !== 'undefined' && WebAssembly.validate(SIMD_PROBE);
}

/** The best build that there is for this host. */
export function hostBuild(): Build {
  return WebAssembly.validate(RELAXED_PROBE) ? 'relaxed' : 'plain';
}

/** The kernels of a build, for memories that are not shared. */
export async function kernelBytes(build: Build): Promise<Uint8Array<ArrayBuffer>> {
  return unpack((await BINARIES[build]()).kernelsGzip);
}

/** The module that makes threads a team; it takes shared memories only. */
export async function teamBytes(): Promise<Uint8Array<ArrayBuffer>> {
  return unpack((await import('./team-binary.ts')).teamGzip);
}

/**
 * What build.mjs has packed. Every host that has SIMD has streams that decompress. They are read by hand: for a `Response` Node would load all
 * of its fetch, 8 MB of memory that a model from files has no use for.
 */
export async function unpack(gzip: string): Promise<Uint8Array<ArrayBuffer>> {
  const packed = Uint8Array.from(atob(gzip), (character) => character.charCodeAt(0));
  const { readable, writable } = new DecompressionStream('gzip');
  const writer = writable.getWriter();
  writer.write(packed).catch(() => {}); // reading fails, too
  writer.close().catch(() => {});
  const bytes = new Uint8Array(new DataView(packed.buffer).getUint32(packed.length - 4, true)); // a gzip file ends with this length
  const reader = readable.getReader();
  for (let at = 0; ; ) {
    const { value } = await reader.read();
    if (value === undefined) return bytes;
    bytes.set(value, at);
    at += value.length;
  }
}

const IMPORT_SECTION = 2;
/** Limits of an imported memory: with a maximum; with a maximum, and shared. */
const LIMITS = { own: 0x01, shared: 0x03 } as const;

/**
 * The same module for shared memories.
 *
 * @param bytes kernels, whose one import is the memory; source: WebAssembly Core Specification 2.0, section 5.5.5, and the threads proposal
 */
export function withSharedMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const patched = Uint8Array.from(bytes);
  let at = 8; // behind magic and version
  const integer = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = patched[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (patched[at++] !== IMPORT_SECTION) {
    const length = integer();
    at += length;
  }
  integer(); // the section's length
  integer(); // one import
  for (let name = 0; name < 2; name++) {
    const length = integer();
    at += length;
  }
  at++; // a memory
  if (patched[at] !== LIMITS.own) throw new TypeError('the kernels do not import one memory with a maximum');
  patched[at] = LIMITS.shared;
  return patched;
}
