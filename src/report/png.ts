import sharp from "sharp";
import { DataError, RequestError } from "../errors.js";
import { outlineText } from "./outline.js";

/** Dots per inch at which librsvg draws one pixel for one unit of an SVG. */
const DENSITY = 72;

/**
 * Draws an SVG as PNG. Its texts become outlines first: librsvg finds fonts through the system's configuration and draws
 * nothing where none is installed, as in many containers.
 * @param scale - pixels for each px of the SVG, in (0, 16]
 * @throws {RequestError} for a scale out of range
 * @throws {DataError} where the SVG cannot be drawn
 */
export async function svgToPng(svg: string, scale = 2): Promise<Uint8Array> {
  if (!(scale > 0 && scale <= 16)) {
    throw new RequestError(`the scale is ${scale}; give a number above 0 and at most 16, such as 2.`);
  }
  try {
    // Few colours: a palette makes the file a fifth as large.
    return await sharp(Buffer.from(outlineText(svg)), { density: DENSITY * scale })
      .png({ palette: true })
      .toBuffer();
  } catch (error) {
    throw new DataError(`the SVG cannot be drawn: ${(error as Error).message.replaceAll(/\s+/g, " ").trim()}.`);
  }
}
