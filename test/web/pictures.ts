import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import { encoded, pattern } from "../../src/pictures.testing.js";
import type { Picture } from "../../src/pixels/index.js";
import { random } from "../../src/random.js";

const opened = ({ width, height, data }: Picture) => sharp(data, { raw: { width, height, channels: 3 } });

/** A picture whose every pixel has another colour and alpha. */
function translucent(width: number, height: number) {
  const stream = random(0, "translucent");
  const data = Uint8Array.from({ length: width * height * 4 }, () => stream.integer(256));
  return sharp(data, { raw: { width, height, channels: 4 } });
}

function chunk(code: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(code, "latin1"), content]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** A PNG of 16-bit RGB, or of a size that it only claims. */
export function png16(width: number, height: number, { claimed = [width, height] } = {}): Buffer {
  const stream = random(0, "png16");
  const header = Buffer.alloc(13);
  header.writeUInt32BE(claimed[0]!, 0);
  header.writeUInt32BE(claimed[1]!, 4);
  header.set([16, 2], 8);
  const bytesPerRow = 1 + width * 6;
  const rows = Uint8Array.from({ length: height * bytesPerRow }, (_, i) =>
    i % bytesPerRow === 0 ? 0 : stream.integer(256),
  );
  const chunks = [chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", new Uint8Array())];
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...chunks]);
}

/** The PNG with a chunk that says how bright it is meant to be. */
function withGamma(png: Buffer): Buffer {
  const gamma = Buffer.alloc(4);
  gamma.writeUInt32BE(100_000);
  return Buffer.concat([png.subarray(0, 33), chunk("gAMA", gamma), png.subarray(33)]);
}

/** Files of each kind that Node takes. */
export async function pictureFiles(): Promise<Readonly<Record<string, Buffer>>> {
  const photo = opened(pattern(500, 375));
  const small = opened(pattern(67, 45));
  return {
    "rgb.png": await encoded(pattern(500, 375)),
    "portrait.png": await encoded(pattern(47, 61)),
    "one.png": await encoded(pattern(1, 1)),
    "wide.png": await encoded(pattern(2100, 3)),
    "tall.png": await encoded(pattern(3, 2100)),
    "interlaced.png": await small.clone().png({ progressive: true }).toBuffer(),
    "palette.png": await small.clone().png({ palette: true }).toBuffer(),
    "grey.png": await small.clone().greyscale().png().toBuffer(),
    "translucent.png": await translucent(67, 45).png().toBuffer(),
    "wide-translucent.png": await translucent(2100, 5).png().toBuffer(),
    "gamma.png": withGamma(await encoded(pattern(67, 45))),
    "profile.png": await small.clone().withIccProfile("p3").png().toBuffer(),
    "turned.png": await small.clone().withMetadata({ orientation: 6 }).png().toBuffer(),
    "sixteen-bit.png": png16(67, 45),
    "quality-75.jpg": await photo.clone().jpeg({ quality: 75 }).toBuffer(),
    "quality-95.jpg": await photo.clone().jpeg({ quality: 95, chromaSubsampling: "4:4:4" }).toBuffer(),
    "odd.jpg": await opened(pattern(61, 47)).jpeg({ quality: 85 }).toBuffer(),
    "progressive.jpg": await photo.clone().jpeg({ progressive: true }).toBuffer(),
    "grey.jpg": await photo.clone().greyscale().jpeg().toBuffer(),
    "turned.jpg": await photo.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    "profile.jpg": await photo.clone().withIccProfile("p3").jpeg().toBuffer(),
    "cmyk.jpg": await photo.clone().toColourspace("cmyk").jpeg().toBuffer(),
    "turned.webp": await photo.clone().withMetadata({ orientation: 6 }).webp().toBuffer(),
    "lossy.webp": await photo.clone().webp().toBuffer(),
    "lossless.webp": await small.clone().webp({ lossless: true }).toBuffer(),
    "translucent.webp": await translucent(67, 45).webp({ lossless: true }).toBuffer(),
  };
}
