/** The part of the `safetensors` package that the tests use; it ships no types. */
declare module 'safetensors' {
  interface SafeTensor {
    readonly metadata: ReadonlyMap<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
    getTensor(name: string): Uint8Array;
  }
  const exports: { SafeTensor: new (file: Uint8Array) => SafeTensor };
  // biome-ignore lint/style/noDefaultExport: it is a CommonJS module
  export default exports;
}
