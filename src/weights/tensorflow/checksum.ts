import crc32c from "crc-32/crc32c.js";

/** Added to a rotated checksum, so that the checksum of data which hold checksums stays useful. */
const MASK = 0xa282ead8;

/** CRC-32C of bytes, masked as LevelDB and TensorFlow store it. */
export function maskedChecksum(bytes: Uint8Array): number {
  const checksum = crc32c.buf(bytes, 0);
  return (((checksum >>> 15) | (checksum << 17)) + MASK) >>> 0;
}

/** A checksum as messages show it. */
export const hex = (checksum: number): string => `0x${checksum.toString(16).padStart(8, "0")}`;
