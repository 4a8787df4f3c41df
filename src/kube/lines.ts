const newline = 0x0a;

/**
 * Cuts a byte stream into lines. Only whole lines are decoded: a chunk may end anywhere, within a character too, and a newline byte is never part of another character
 * in UTF-8. Empty lines are left out.
 */
export function createLineSplitter(onLine: (line: string) => void): { push(chunk: Uint8Array): void; end(): void } {
  const decoder = new TextDecoder();
  let rest: Uint8Array[] = [];

  function emit(tail: Uint8Array): void {
    const bytes = rest.length === 0 ? tail : Buffer.concat([...rest, tail]);
    rest = [];
    const line = decoder.decode(bytes);
    if (line.trim() !== '') onLine(line);
  }

  return {
    push(chunk) {
      let start = 0;
      for (;;) {
        const end = chunk.indexOf(newline, start);
        if (end < 0) break;
        emit(chunk.subarray(start, end));
        start = end + 1;
      }
      if (start < chunk.length) rest.push(chunk.subarray(start));
    },
    /** The stream ended: what is left is a line as well (or half of one, which its reader will refuse). */
    end() {
      if (rest.length > 0) emit(new Uint8Array());
    },
  };
}
