/**
 * Reads a bitmap's RGBA bytes as they are, not multiplied by alpha and divided again: through a texture, since a 2D canvas cannot.
 * Where a browser has no WebGL 2, or a texture would be too large, nothing is read.
 * @param visit - takes bytes [rows, columns, 4] of tiles of at most `tile` px a side, and where each lies
 */
export function readStraight(
  bitmap: ImageBitmap,
  tile: number,
  visit: (rgba: Uint8Array, columns: number, left: number, top: number) => void,
): void {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (gl === null) return;
  try {
    if (Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return;
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
    gl.framebufferTexture2D(
      gl.FRAMEBUFFER,
      gl.COLOR_ATTACHMENT0,
      gl.TEXTURE_2D,
      gl.getParameter(gl.TEXTURE_BINDING_2D),
      0,
    );
    for (let top = 0; top < height; top += tile) {
      for (let left = 0; left < width; left += tile) {
        const [columns, rows] = [Math.min(tile, width - left), Math.min(tile, height - top)];
        const rgba = new Uint8Array(columns * rows * 4);
        gl.readPixels(left, top, columns, rows, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
        if (gl.getError() !== gl.NO_ERROR) return;
        visit(rgba, columns, left, top);
      }
    }
  } finally {
    // Browsers keep few contexts; the collector would come too late.
    gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
