/**
 * UTF-8, decoded as it arrives.
 * Source: the UTF-8 decoder of the WHATWG Encoding Standard; an ill-formed sequence becomes U+FFFD, one for each maximal part of it.
 * Our own, because a TextDecoder that streams does not do so alike on every runtime, and refuses views on shared memory.
 * @module
 */

/** Gives text for bytes, and keeps a character that is not complete yet. A byte order mark is a character like any other. */
export class Utf8Decoder {
  #codePoint = 0;
  /** Continuation bytes still to come. */
  #needed = 0;
  /** What the next continuation byte may be: the first one rules out overlong forms, surrogates and what lies past U+10FFFF. */
  #lowest = 0x80;
  #highest = 0xbf;

  /** @returns the characters that `bytes` complete */
  push(bytes: Uint8Array): string {
    let text = '';
    for (const byte of bytes) {
      if (this.#needed > 0) {
        if (byte >= this.#lowest && byte <= this.#highest) {
          text += this.#continue(byte);
          continue;
        }
        text += this.flush();
      }
      text += byte < 0x80 ? String.fromCharCode(byte) : this.#start(byte);
    }
    return text;
  }

  /** Ends the text. @returns U+FFFD when a character was not complete, else '' */
  flush(): string {
    const held = this.#needed > 0 ? '\ufffd' : '';
    this.#expect(0, 0);
    return held;
  }

  #start(byte: number): string {
    if (byte >= 0xc2 && byte <= 0xdf) this.#expect(1, byte & 0x1f);
    else if (byte >= 0xe0 && byte <= 0xef) this.#expect(2, byte & 0x0f);
    else if (byte >= 0xf0 && byte <= 0xf4) this.#expect(3, byte & 0x07);
    else return '\ufffd';

    if (byte === 0xe0) this.#lowest = 0xa0;
    if (byte === 0xf0) this.#lowest = 0x90;
    if (byte === 0xed) this.#highest = 0x9f;
    if (byte === 0xf4) this.#highest = 0x8f;
    return '';
  }

  #continue(byte: number): string {
    this.#expect(this.#needed - 1, (this.#codePoint << 6) | (byte & 0x3f));
    return this.#needed === 0 ? String.fromCodePoint(this.#codePoint) : '';
  }

  #expect(needed: number, codePoint: number): void {
    this.#needed = needed;
    this.#codePoint = codePoint;
    this.#lowest = 0x80;
    this.#highest = 0xbf;
  }
}
