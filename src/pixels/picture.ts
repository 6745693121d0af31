/** Pictures of more pixels are refused before they are decoded, unless the caller sets another bound (Pillow's own). */
export const MAX_PIXELS = 178_956_970;

/** How large a picture is. */
export interface Size {
  /** Pixels in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** A decoded picture: 8-bit RGB, rows from top to bottom, no padding between them. */
export interface Picture extends Size {
  /** Bytes [height, width, 3]. */
  readonly data: Uint8Array;
}

/** A rectangle of whole pixels, its corner counted from the top left. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}
