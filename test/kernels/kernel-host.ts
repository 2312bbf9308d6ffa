/**
 * What kernel tests stand on: the built kernels on a fresh memory, with arrays copied in and out.
 *
 * @example
 * const host = kernelHost();
 * const x = host.place(Float32Array.of(1, 2, 3, 4)); // address of a copy
 * host.kernels.add(x, x, x, 4);
 * host.floats(x, 4); // 2, 4, 6, 8
 * @module
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { instantiateSync } from '@assemblyscript/loader';
import { repositoryFile } from '../repository.ts';

/** The arrays a kernel reads and writes. */
export type Numbers = Float32Array | Int32Array | Uint32Array | Int16Array | Int8Array | Uint8Array;

/** The two builds of the kernels, which have the same bits. */
export const BUILDS = ['plain', 'relaxed'] as const;
export type Build = (typeof BUILDS)[number];

export interface KernelHost {
  readonly build: Build;
  /** Every export of assembly/index.ts, or of assembly/gradient/index.ts, by name. */
  readonly kernels: Record<string, (...operands: number[]) => number>;
  /** Copies `values` into memory nothing else uses. @returns their address, a multiple of 64 */
  place(values: Numbers): number;
  /** Copies `values` over what lies at `address`. */
  write(address: number, values: Numbers): void;
  /** @returns a copy of the n f32 at `address` */
  floats(address: number, n: number): Float32Array;
  /** @returns a copy of the n i32 at `address` */
  ints(address: number, n: number): Int32Array;
  /** @returns a copy of the n i8 at `address` */
  bytes(address: number, n: number): Int8Array;
  /** @returns a copy of the n i16 at `address` */
  shorts(address: number, n: number): Int16Array;
}

const PAGE = 65536;
const ALIGNMENT = 64; // a cache line

/** The bytes of a build. */
export function kernelsBinary(build: Build): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(repositoryFile(`build/kernels${build === 'relaxed' ? '-relaxed' : ''}.wasm`)));
}

// Node 20 has relaxed SIMD, but keeps it behind a flag; later versions do not know the flag.
if (!WebAssembly.validate(kernelsBinary('relaxed'))) setFlagsFromString('--experimental-wasm-relaxed-simd');

const modules = {
  plain: new WebAssembly.Module(kernelsBinary('plain')),
  relaxed: new WebAssembly.Module(kernelsBinary('relaxed')),
};

/** Instantiates the kernels on a memory of their own, which grows as arrays are placed. */
export function kernelHost(build: Build = 'plain'): KernelHost {
  return hostOf(modules[build], build);
}

/** The same for the kernels of training, of which there is one build. */
export function trainingHost(): KernelHost {
  const binary = new Uint8Array(readFileSync(repositoryFile('build/gradient.wasm')));
  return hostOf(new WebAssembly.Module(binary), 'plain');
}

function hostOf(module: WebAssembly.Module, build: Build): KernelHost {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  const { exports } = instantiateSync<KernelHost['kernels']>(module, { env: { memory } });
  let end = PAGE; // page 0 holds the kernels' constants

  function write(address: number, values: Numbers): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(memory.buffer).set(bytes, address);
  }

  return {
    build,
    kernels: exports,
    write,
    place(values) {
      const address = end;
      end += Math.ceil(values.byteLength / ALIGNMENT) * ALIGNMENT;
      const missing = end - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
      write(address, values);
      return address;
    },
    floats: (address, n) => new Float32Array(memory.buffer, address, n).slice(),
    ints: (address, n) => new Int32Array(memory.buffer, address, n).slice(),
    bytes: (address, n) => new Int8Array(memory.buffer, address, n).slice(),
    shorts: (address, n) => new Int16Array(memory.buffer, address, n).slice(),
  };
}
