/**
 * `kernels.wasm` where a bundler or host gives out compiled modules for imports of WebAssembly, as workerd does.
 * @module
 */
declare const kernels: WebAssembly.Module;
// biome-ignore lint/style/noDefaultExport: what such an import is
export default kernels;
