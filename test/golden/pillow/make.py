"""Golden files of Pillow, torchvision and timm: python make.py, in this folder.

decode.json: files of every format, and the bytes of Image.open(file).convert("RGB").
transforms.json: bytes of Image.resize, of timm's test transforms, and of the FixRes authors' resize (its rule, written anew).
Bytes are kept as CRC-32. Pictures are those of pattern() in src/pictures.testing.ts.
"""

import base64
import io
import struct
import zlib

import numpy as np
import PIL
import timm
import torchvision
from PIL import Image, ImageCms, ImageOps, features
from pictures import crc, pattern, write
from timm.data import create_transform


picture = pattern(20, 14)
alpha = Image.fromarray((np.arange(20 * 14) * 7 % 256).astype(np.uint8).reshape(14, 20))
rgba = picture.copy()
rgba.putalpha(alpha)
grey = picture.convert("L")
grey_alpha = grey.copy()
grey_alpha.putalpha(alpha)
palette = picture.quantize(16)
deep = (np.asarray(picture).astype(np.uint16) * 257) ^ (np.arange(20 * 14 * 3).reshape(14, 20, 3) % 251).astype(np.uint16)
ramp = (np.arange(20 * 14).reshape(14, 20) ** 2 % 65536).astype(np.uint16)
other = pattern(20, 15).crop((0, 0, 20, 14))


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def png(width, height, depth, colour, rows, interlace=0, before=()):
    """A PNG of rows as they are; Pillow writes neither 16-bit colour nor interlaced files."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    parts = [chunk(b"IHDR", header), *(chunk(*entry) for entry in before)]
    parts += [chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def adam7(array):
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    for x, y, across, down in passes:
        yield from (row.tobytes() for row in array[y::down, x::across] if row.size)


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def adobe(data, transform):
    at = data.index(b"Adobe") + 11
    return data[:at] + bytes([transform]) + data[at + 1 :]


def without_adobe(data):
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 16 :]


def wider(data):
    """The same GIF on a larger screen: its picture covers a part of it."""
    return data[:6] + struct.pack("<HH", 24, 18) + data[10:]


def big(array):
    return [row.tobytes() for row in array.astype(">u2")]


cmyk = picture.convert("CMYK")
ink = Image.merge("CMYK", [*picture.split(), alpha])
with_deep_alpha = np.concatenate([deep, deep[..., :1] ^ 0x1234], 2)
frames = [image.quantize(16) for image in (picture, other)]
profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()

# Behind a name: the file.
FILES = {
    "JPEG, 4:2:0": saved(picture, "JPEG", quality=90),
    "JPEG, 4:2:2": saved(picture, "JPEG", quality=90, subsampling=1),
    "JPEG, 4:4:4": saved(picture, "JPEG", quality=90, subsampling=0),
    "JPEG, 4:1:1": saved(picture, "JPEG", quality=90, subsampling="4:1:1"),
    "JPEG, progressive": saved(picture, "JPEG", progressive=True),
    "JPEG, RGB": saved(picture, "JPEG", keep_rgb=True),
    "JPEG, grey": saved(grey, "JPEG"),
    "JPEG, CMYK": saved(ink, "JPEG"),
    "JPEG, CMYK, no Adobe marker": without_adobe(saved(ink, "JPEG")),
    "JPEG, YCCK": adobe(saved(ink, "JPEG"), 2),
    **{f"JPEG, orientation {n}": saved(picture, "JPEG", exif=orientation(n)) for n in range(1, 9)},
    "JPEG, with a colour profile": saved(picture, "JPEG", icc_profile=profile),
    "PNG": saved(picture, "PNG"),
    "PNG, with a colour profile": saved(picture, "PNG", icc_profile=profile),
    "PNG, interlaced": png(20, 14, 8, 2, adam7(np.asarray(picture)), 1),
    "PNG, RGBA": saved(rgba, "PNG"),
    "PNG, grey": saved(grey, "PNG"),
    "PNG, grey and alpha": saved(grey_alpha, "PNG"),
    "PNG, 1 bit": saved(picture.convert("1"), "PNG"),
    "PNG, 2 bits": png(20, 14, 2, 0, [bytes(range(r, r + 5)) for r in range(14)]),
    "PNG, 4 bits": png(20, 14, 4, 0, [bytes(range(r, r + 10)) for r in range(14)]),
    "PNG, palette": saved(palette, "PNG"),
    "PNG, palette with a transparent entry": saved(palette, "PNG", transparency=2),
    "PNG, palette with alpha": saved(palette, "PNG", transparency=bytes(range(0, 240, 16))),
    "PNG, a transparent colour": saved(picture, "PNG", transparency=picture.getpixel((3, 3))),
    "PNG, grey with a transparent value": saved(grey, "PNG", transparency=grey.getpixel((3, 3))),
    "PNG, 16-bit grey": saved(Image.fromarray(ramp), "PNG"),
    "PNG, 16-bit grey, interlaced": png(20, 14, 16, 0, adam7(ramp.astype(">u2")), 1),
    "PNG, 16-bit grey with a transparent value": png(20, 14, 16, 0, big(ramp), 0, [(b"tRNS", b"\0\x04")]),
    "PNG, 16-bit grey and alpha": png(20, 14, 16, 4, big(deep[..., :2])),
    "PNG, 16-bit RGB": png(20, 14, 16, 2, big(deep)),
    "PNG, 16-bit RGB with a transparent colour": png(20, 14, 16, 2, big(deep), 0, [(b"tRNS", deep[2, 2].astype(">u2").tobytes())]),
    "PNG, 16-bit RGBA": png(20, 14, 16, 6, big(with_deep_alpha)),
    "PNG, gamma": png(20, 14, 8, 2, [row.tobytes() for row in np.asarray(picture)], 0, [(b"gAMA", struct.pack(">I", 100000))]),
    "PNG, orientation 6": saved(picture, "PNG", exif=orientation(6)),
    "APNG": saved(picture, "PNG", save_all=True, append_images=[other]),
    "APNG, a first picture apart from the animation": saved(picture, "PNG", save_all=True, append_images=[other], default_image=True),
    "WebP, lossy": saved(picture, "WEBP", quality=80),
    "WebP, lossy with alpha": saved(rgba, "WEBP", quality=80),
    "WebP, lossless": saved(picture, "WEBP", lossless=True),
    "WebP, lossless with alpha": saved(rgba, "WEBP", lossless=True, exact=True),
    "WebP, animated": saved(picture, "WEBP", save_all=True, append_images=[other], lossless=True),
    "WebP, animated with alpha": saved(rgba, "WEBP", save_all=True, append_images=[other.convert("RGBA")], lossless=True, exact=True),
    "GIF": saved(palette, "GIF"),
    "GIF, grey": saved(grey, "GIF"),
    "GIF, interlaced": saved(picture.quantize(128), "GIF", interlace=1),
    "GIF, 2 colours": saved(picture.convert("1"), "GIF"),
    "GIF, transparent": saved(palette, "GIF", transparency=3),
    "GIF, animated": saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50),
    "GIF, animated and transparent": saved(frames[0], "GIF", save_all=True, append_images=frames[1:], transparency=3, disposal=2),
    "GIF, smaller than its screen": wider(saved(palette, "GIF")),
    "GIF, smaller than its screen and transparent": wider(saved(palette, "GIF", transparency=3)),
    "TIFF": saved(picture, "TIFF"),
    "TIFF, orientation 6": saved(picture, "TIFF", tiffinfo={274: 6}),
    "TIFF, grey and alpha": saved(grey_alpha, "TIFF"),
    "TIFF, big-endian 16-bit grey": saved(Image.fromarray(ramp).convert("I;16B"), "TIFF"),
    "TIFF, LZW": saved(picture, "TIFF", compression="tiff_lzw"),
    "TIFF, deflate": saved(picture, "TIFF", compression="tiff_adobe_deflate"),
    "TIFF, JPEG": saved(picture, "TIFF", compression="jpeg", quality=90),
    "TIFF, RGBA": saved(rgba, "TIFF"),
    "TIFF, grey": saved(grey, "TIFF"),
    "TIFF, 1 bit": saved(picture.convert("1"), "TIFF"),
    "TIFF, palette": saved(palette, "TIFF"),
    "TIFF, CMYK": saved(cmyk, "TIFF"),
    "TIFF, 16-bit grey": saved(Image.fromarray(ramp), "TIFF"),
    "TIFF, several pages": saved(picture, "TIFF", save_all=True, append_images=[other]),
}


def entry(name, data):
    image = Image.open(io.BytesIO(data))
    rgb = image.convert("RGB")
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    found = {"name": name, "mode": image.mode, "width": rgb.width, "height": rgb.height, "crc32": crc(rgb)}
    if turned.size != rgb.size or crc(turned) != crc(rgb):
        found["turned"] = {"width": turned.width, "height": turned.height, "crc32": crc(turned)}
    return {**found, "base64": base64.b64encode(data).decode()}


jpeg = features.version_feature("libjpeg_turbo")
write("decode.json", f"Pillow {PIL.__version__}, libjpeg-turbo {jpeg}", {"pictures": [entry(*file) for file in FILES.items()]})

FILTERS = ["box", "bilinear", "hamming", "bicubic", "lanczos"]
SIZES = [(61, 47), (47, 61), (40, 40), (200, 33), (33, 200), (19, 11)]
resizes = []
for source in SIZES:
    for filter in FILTERS:
        for target in ((32, 32), (17, 50), (64, 23), (61, 20)):
            image = pattern(*source).resize(target, Image.Resampling[filter.upper()])
            resizes.append({"source": source, "target": target, "filter": filter, "crc32": crc(image)})

tests = []
MEANS = {"imagenet": (0.485, 0.456, 0.406), "half": (0.5, 0.5, 0.5)}
for source in SIZES:
    for mode in ("center", "squash", "border"):
        for filter in FILTERS:
            for resolution, ratio, mean in ((32, 0.875, "imagenet"), (33, 1.0, "half"), (48, 0.9, "imagenet")):
                transform = create_transform(
                    (3, resolution, resolution), interpolation=filter, crop_pct=ratio, crop_mode=mode, mean=MEANS[mean], normalize=False
                )
                data = transform(pattern(*source)).permute(1, 2, 0).contiguous().numpy()
                tests.append(
                    {"source": source, "cropMode": mode, "interpolation": filter, "resolution": resolution, "cropRatio": ratio, "mean": MEANS[mean], "crc32": zlib.crc32(data.tobytes())}
                )


def official(image, resolution):
    """The height becomes int(256/224 R), the width follows; a centre crop by Python's round, black where nothing is."""
    width, height = image.size
    side = int((256 / 224) * resolution)
    resized = image.resize((int(side * width / height), side), Image.Resampling.BILINEAR)
    left, top = int(round((resized.width - resolution) / 2.0)), int(round((side - resolution) / 2.0))
    return resized.crop((left, top, left + resolution, top + resolution))


officials = [
    {"source": source, "resolution": resolution, "crc32": crc(official(pattern(*source), resolution))}
    for source in [*SIZES, (35, 47), (36, 47), (37, 47), (38, 47), (39, 47), (41, 47)]
    for resolution in (32, 33, 41, 48)
]
made_by = f"Pillow {PIL.__version__}, torchvision {torchvision.__version__.split('+')[0]}, timm {timm.__version__}"
write("transforms.json", made_by, {"resize": resizes, "test": tests, "official": officials})
