/** What the samples of a JPEG are. */
export interface JpegFrame {
  /** Bits of a sample. */
  readonly precision: number;
  /** 1 for grey, 3 for colours, 4 for CMYK however it is coded. */
  readonly components: number;
}

const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;
/** Tables of Huffman and arithmetic coding, and an extension, whose markers lie among those of frames. */
const NO_FRAMES = [0xc4, 0xc8, 0xcc];

/**
 * The frame header of a JPEG (ITU T.81, annex B.2), found by the lengths of what comes before it; null where that is not as the
 * standard has it, which decoders may forgive.
 */
export function jpegFrame(bytes: Uint8Array): JpegFrame | null {
  for (let at = 2; at + 9 < bytes.length; ) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || marker < 0xc0 || marker === START_OF_SCAN || marker === END_OF_IMAGE) return null;
    if (marker <= 0xcf && !NO_FRAMES.includes(marker)) return { precision: bytes[at + 4]!, components: bytes[at + 9]! };
    at += 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
  }
  return null;
}
