/** crc-32 has types for CRC-32 alone (1.2). */
declare module "crc-32/crc32c.js" {
  const crc32c: {
    /** The checksum of bytes, as a signed number. @param seed - that of the bytes before */
    buf(data: Uint8Array, seed?: number): number;
  };
  export default crc32c;
}
