/**
 * Keeps the host alive while passes run: a macrotask between them, so that timers, clicks and aborts get their turn.
 * @module
 */

/** Longest stretch of work without a macrotask, milliseconds: one frame of a 60 Hz display. */
const STRETCH_MS = 16;
/** Some hosts stop their clock while code runs; there this many passes make a stretch. */
const STRETCH_PASSES = 16;

/** What a host may offer, none of it named by the language standard. */
const host = globalThis as unknown as {
  setImmediate?: (callback: () => void) => unknown;
  scheduler?: { postTask?: (callback: () => void) => unknown };
  MessageChannel?: typeof MessageChannel;
  setTimeout: (callback: () => void, ms: number) => unknown;
};

/**
 * Runs a callback in a later macrotask, by the first of these that the host has: `setImmediate`, `scheduler.postTask`, `MessageChannel`, `setTimeout`
 * (which browsers stretch to 4 ms). `scheduler.yield` is not used: its continuations run before every waiting timer. In Chromium 156 a loop of
 * 5 ms passes over it let no `setTimeout` and no `setInterval` through in 600 ms; over each of the others all of them came.
 */
const macrotask: (callback: () => void) => unknown =
  host.setImmediate?.bind(host) ??
  host.scheduler?.postTask?.bind(host.scheduler) ??
  (host.MessageChannel ? messageTask : (callback) => host.setTimeout(callback, 0));

/** A channel of its own for each task: an open port would keep some hosts from exiting. */
function messageTask(callback: () => void): void {
  const { port1, port2 } = new host.MessageChannel!();
  port1.onmessage = () => {
    port1.close();
    callback();
  };
  port2.postMessage(0);
}

/** Decides between two passes whether it is time to breathe. */
export class Breather {
  #stretchStart = performance.now();
  #lastCall = this.#stretchStart;
  #passes = 0;

  /** To be called between passes. @returns a promise to await when another pass as long as the last could end the 16 ms, else undefined */
  due(): Promise<void> | undefined {
    const now = performance.now();
    const pass = now - this.#lastCall;
    this.#lastCall = now;
    const stretch = now - this.#stretchStart;
    const long = stretch > 0 ? stretch + pass >= STRETCH_MS : ++this.#passes >= STRETCH_PASSES;
    return long ? this.breathe() : undefined;
  }

  /** A macrotask in any case. */
  async breathe(): Promise<void> {
    await new Promise<void>((resolve) => void macrotask(resolve));
    this.#stretchStart = performance.now();
    this.#lastCall = this.#stretchStart;
    this.#passes = 0;
  }
}
