/** True for memory that threads share; a page has none unless it is isolated from other origins. */
export const isShared = (buffer: ArrayBufferLike | undefined): boolean =>
  typeof SharedArrayBuffer === "function" && buffer instanceof SharedArrayBuffer;
