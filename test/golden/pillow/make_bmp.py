"""Golden files of BMP and PNM: python make_bmp.py, in this folder.

bmp.json: `pictures`, files of every kind and the bytes of Image.open(file).convert("RGB"), as CRC-32, with what each beginning of
the file gives (`cuts`: from a length on, a CRC-32 or null where Pillow refuses it); `damaged`, files changed at some places by a
seeded generator, with Pillow's answer. Pictures are those of pattern() in src/pictures.testing.ts.
"""

import base64
import io
import random
import struct
import warnings

import numpy as np
import PIL
from PIL import Image
from pictures import crc, pattern, write

warnings.simplefilter("error", Image.DecompressionBombWarning)
random.seed(20)

WIDTH, HEIGHT = 13, 9
picture = pattern(WIDTH, HEIGHT)
grey = picture.convert("L")
array = np.asarray(picture).astype(int)
noise = random.Random(1)


def saved(image, format):
    out = io.BytesIO()
    image.save(out, format)
    return out.getvalue()


def bmp(bits, pixels, palette=b"", *, size=(WIDTH, HEIGHT), header=40, compression=0, colours=0, masks=b"", offset=None, entry=4):
    """A BMP of parts as they are."""
    width, height = size
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(pixels), 2835, 2835, colours, colours)
        info += masks if header == 40 else masks.ljust(header - 40, b"\0")
    at = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at if offset is None else offset) + info + palette + pixels


def rows(bits, width=WIDTH, height=HEIGHT):
    """Noise for rows of a multiple of four bytes."""
    return noise.randbytes((width * bits + 31) // 32 * 4 * height)


def palette(count, entry=4):
    return noise.randbytes(count * entry)


def greys(count, entry=4):
    return b"".join(bytes([i] * 3).ljust(entry, b"\0") for i in range(count))


def masks(*values):
    return struct.pack(f"<{len(values)}I", *values)


BLACK_WHITE = bytes([0, 0, 0, 0, 255, 255, 255, 0])
WHITE_BLACK = bytes([255, 255, 255, 0, 0, 0, 0, 0])


def runs8(width=WIDTH, height=HEIGHT, seed=3):
    """Every kind of run, to an end of bitmap."""
    chance, out = random.Random(seed), b""
    for _ in range(height):
        x = 0
        while x < width:
            count = min(chance.randint(1, 7), width - x)
            if count >= 3 and chance.random() < 0.5:
                out += bytes([0, count]) + chance.randbytes(count) + (b"\0" if count % 2 else b"")
            else:
                out += bytes([count, chance.randrange(256)])
            x += count
        out += b"\0\0"
    return out + b"\0\1"


def runs4(width=WIDTH, height=HEIGHT, seed=4):
    chance, out = random.Random(seed), b""
    for _ in range(height):
        x = 0
        while x < width:
            count = min(chance.randint(1, 9), width - x)
            if count >= 3 and chance.random() < 0.5:
                size = (count + 1) // 2
                out += bytes([0, count]) + chance.randbytes(size) + (b"\0" if size % 2 else b"")
            else:
                out += bytes([count, chance.randrange(256)])
            x += count
        out += b"\0\0"
    return out + b"\0\1"


delta = b"\4\1\0\2\3\2\6\5\0\0\0\2\2\1\7\7\0\0\15\x18\0\0\15\x29\0\0\15\x3a\0\0\15\x4b\0\0\0\1"
early = b"\15\1\15\2\0\1"
short_lines = b"".join(b"\5" + bytes([i]) + b"\0\0" for i in range(HEIGHT)) + b"\0\1"
too_long = b"".join(b"\x20" + bytes([i]) + b"\0\0" for i in range(HEIGHT)) + b"\0\1"

every16 = struct.pack("<65536H", *range(65536))
FIELDS_32 = {
    "XRGB": (0xFF0000, 0xFF00, 0xFF, 0),
    "RGBX": (0xFF000000, 0xFF0000, 0xFF00, 0),
    "RXGB": (0xFF000000, 0xFF00, 0xFF, 0),
    "RGBA": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
    "ABGR": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "ARGB": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    "RAGB": (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
    "none": (0, 0, 0, 0),
}


def pnm(head, data):
    return head.encode() + data


def text(samples, width=16):
    words = [str(value) for value in np.asarray(samples).ravel()]
    return "\n".join(" ".join(words[i : i + width]) for i in range(0, len(words), width)).encode() + b"\n"


def scaled(maxval, bands=3):
    return (array[..., :bands] * maxval // 255).reshape(-1)


def wide(values):
    return struct.pack(f">{len(values)}H", *values)


two_byte = list(range(0, 65536, 560))[: WIDTH * HEIGHT]

FILES = {
    "BMP, 1 bit": saved(picture.convert("1"), "BMP"),
    "BMP, grey": saved(grey, "BMP"),
    "BMP, palette": saved(picture.quantize(16), "BMP"),
    "BMP, 24 bits": saved(picture, "BMP"),
    "BMP, 32 bits": saved(picture.convert("RGBA"), "BMP"),
    "BMP, 1 bit, white and black": bmp(1, rows(1), WHITE_BLACK),
    "BMP, 1 bit, two colours": bmp(1, rows(1), palette(2)),
    "BMP, 1 bit, one colour": bmp(1, rows(1), palette(1), colours=1),
    "BMP, 4 bits": bmp(4, rows(4), palette(16)),
    "BMP, 4 bits, three colours": bmp(4, rows(4), palette(3), colours=3),
    "BMP, 4 bits, black and white": bmp(4, rows(4), BLACK_WHITE, colours=2),
    "BMP, 8 bits": bmp(8, rows(8), palette(256)),
    "BMP, 8 bits, one row": bmp(8, rows(8, 5, 1), palette(256), size=(5, 1)),
    "BMP, 8 bits, top-down": bmp(8, rows(8), palette(256), size=(WIDTH, -HEIGHT)),
    "BMP, 8 bits, seven colours": bmp(8, rows(8), palette(7), colours=7),
    "BMP, 8 bits, seven greys": bmp(8, rows(8), greys(7), colours=7),
    "BMP, 8 bits, black and white": bmp(8, rows(8), BLACK_WHITE, colours=2),
    "BMP, 8 bits, offset behind the header": bmp(8, rows(8), palette(7), colours=7, offset=54),
    "BMP, 8 bits, no offset": bmp(8, rows(8), palette(7), colours=7, offset=0),
    "BMP, 16 bits": bmp(16, rows(16)),
    "BMP, 16 bits, top-down": bmp(16, rows(16), size=(WIDTH, -HEIGHT)),
    "BMP, 16 bits, 555": bmp(16, rows(16), masks=masks(0x7C00, 0x3E0, 0x1F), compression=3),
    "BMP, 16 bits, 565": bmp(16, rows(16), masks=masks(0xF800, 0x7E0, 0x1F), compression=3),
    "BMP, 16 bits, 565, no offset": bmp(16, rows(16), masks=masks(0xF800, 0x7E0, 0x1F), compression=3, offset=0),
    "BMP, 16 bits, 565, header of 52": bmp(16, rows(16), header=52, masks=masks(0xF800, 0x7E0, 0x1F), compression=3),
    "BMP, 24 bits, top-down": bmp(24, rows(24), size=(WIDTH, -HEIGHT)),
    "BMP, 24 bits, no offset": bmp(24, rows(24), offset=0),
    "BMP, 24 bits, fields": bmp(24, rows(24), masks=masks(0xFF0000, 0xFF00, 0xFF), compression=3),
    "BMP, 24 bits, last padding missing": bmp(24, rows(24)[:-1]),
    "BMP, 32 bits, plain": bmp(32, rows(32)),
    **{f"BMP, 32 bits, fields {name}": bmp(32, rows(32), header=56, masks=masks(*m), compression=3) for name, m in FIELDS_32.items()},
    "BMP, 32 bits, fields behind the header": bmp(32, rows(32), masks=masks(0xFF0000, 0xFF00, 0xFF), compression=3),
    "BMP, 32 bits, header of 108": bmp(32, rows(32), header=108, masks=masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000), compression=3),
    "BMP, 32 bits, header of 124": bmp(32, rows(32), header=124, masks=masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000), compression=3),
    "BMP, header of 64": bmp(24, rows(24), header=64),
    "BMP, OS/2, 1 bit": bmp(1, rows(1), palette(2, 3), header=12),
    "BMP, OS/2, 4 bits": bmp(4, rows(4), palette(16, 3), header=12),
    "BMP, OS/2, 8 bits": bmp(8, rows(8), palette(256, 3), header=12),
    "BMP, OS/2, 24 bits": bmp(24, rows(24), header=12),
    "BMP, RLE8": bmp(8, runs8(), palette(256), compression=1),
    "BMP, RLE8, top-down": bmp(8, runs8(), palette(256), compression=1, size=(WIDTH, -HEIGHT)),
    "BMP, RLE8, greys": bmp(8, runs8(), greys(256), compression=1),
    "BMP, RLE8, seven colours": bmp(8, runs8(), palette(7), colours=7, compression=1),
    "BMP, RLE8, odd offset": bmp(8, runs8(), palette(256) + b"\0", compression=1),
    "BMP, RLE8, deltas": bmp(8, delta, palette(256), compression=1),
    "BMP, RLE8, lines ended early": bmp(8, short_lines, palette(256), compression=1),
    "BMP, RLE8, runs longer than lines": bmp(8, too_long, palette(256), compression=1),
    "BMP, RLE8, black and white": bmp(8, runs8(), BLACK_WHITE, colours=2, compression=1),
    "BMP, RLE8 of 1 bit": bmp(1, runs8(), palette(2), compression=1),
    "BMP, RLE4": bmp(4, runs4(), palette(16), compression=2),
    "BMP, RLE4, deltas": bmp(4, delta, palette(16), compression=2),
    "BMP, RLE4 of 8 bits": bmp(8, runs4(), palette(256), compression=2),
    "PBM, P1": pnm("P1\n13 9\n", "\n".join(" ".join(str((x * y) % 2) for x in range(13)) for y in range(9)).encode()),
    "PBM, P1 without spaces": pnm("P1 13 9 ", b"0110100111010#a comment\n" * 9),
    "PBM, P4": saved(picture.convert("1"), "PPM"),
    "PGM, P2": pnm("P2\n# a comment\n13 9\n255\n", text(array[..., 0])),
    "PGM, P2, 15": pnm("P2 13 9 15 ", text(scaled(15, 1))),
    "PGM, P2, 1000": pnm("P2 13 9 1000 ", text(np.arange(117))),
    "PGM, P2, 65535": pnm("P2 13 9 65535 ", text(np.arange(0, 468, 4))),
    "PGM, P2, no last line end": pnm("P2 13 9 255 ", text(array[..., 0]).strip()),
    "PGM, P2, a comment in a number": pnm("P2 2 2 255 ", b"1#x\n2 3 +4 -0 9"),
    "PGM, P5": saved(grey, "PPM"),
    **{f"PGM, P5, {m}": pnm(f"P5 13 9 {m}\n", bytes(scaled(m, 1).tolist())) for m in (1, 2, 7, 100, 254)},
    "PGM, P5, samples above white": pnm("P5 16 16 100\n", bytes(range(256))),
    **{f"PGM, P5, {m}": pnm(f"P5 13 9 {m}\n", wide(two_byte)) for m in (256, 300, 1023, 40000, 65534, 65535)},
    "PPM, P3": pnm("P3\n13 9\n255\n", text(array)),
    "PPM, P3, 10": pnm("P3\n13 9\n10\n", text(scaled(10))),
    "PPM, P3, 1023": pnm("P3\n13 9\n1023\n", text(scaled(1023))),
    "PPM, P6": saved(picture, "PPM"),
    "PPM, P6, comments": pnm("P6 # one\n# two\r13#three\n 9\n2#four\n55\n", array.astype(np.uint8).tobytes()),
    **{f"PPM, P6, {m}": pnm(f"P6\n13 9\n{m}\n", bytes(scaled(m).tolist())) for m in (1, 31, 127, 200)},
    **{f"PPM, P6, {m}": pnm(f"P6\n13 3\n{m}\n", wide(two_byte)) for m in (256, 1023, 65535)},
    "PPM, P6, more than its pixels": saved(picture, "PPM") + b"more",
}

# All that Pillow refuses, or is like to.
REFUSED = {
    "BMP, RLE8, lines not ended": bmp(8, runs8().replace(b"\0\0", b""), palette(256), compression=1),
    "BMP, RLE8, ends early": bmp(8, early, palette(256), compression=1),
    "BMP, RLE8 of 24 bits": bmp(24, runs8(), compression=1),
    "BMP, 4 bits, sixteen greys": bmp(4, rows(4), greys(16)),
    "BMP, 8 bits, 300 colours": bmp(8, rows(8), palette(300), colours=300),
    "BMP, 8 bits, 100,000 colours": bmp(8, rows(8), palette(256), colours=100_000),
    "BMP, 2 bits": bmp(2, rows(2), palette(4)),
    "BMP, JPEG within": bmp(24, rows(24), compression=4),
    "BMP, unknown fields": bmp(16, rows(16), masks=masks(0xF000, 0xF00, 0xF0), compression=3),
    "BMP, fields of 8 bits": bmp(8, rows(8), palette(256), compression=3),
    "BMP, no width": bmp(24, rows(24), size=(0, 9)),
    "BMP, width below zero": bmp(24, rows(24), size=(-13, 9)),
    "BMP, height of 2 ** 31 - 1": bmp(24, rows(24), size=(13, 2**31 - 1)),
    "BMP, lowest height": bmp(24, rows(24), size=(13, -(2**31))),
    "BMP, RLE8 of 12,000 x 12,000 in a few bytes": bmp(8, delta, palette(256), size=(12_000, 12_000), compression=1),
    "BMP, 12,000 x 12,000 of nothing": bmp(24, rows(24), size=(12_000, 12_000)),
    "BMP, offset behind the end": bmp(24, rows(24), offset=2**32 - 1),
    "PGM, P2, a sample above white": pnm("P2 2 2 9 ", b"1 2 3 10 "),
    "PGM, P2, a sample below black": pnm("P2 2 2 9 ", b"1 2 3 -1 "),
    "PGM, P2, a word": pnm("P2 2 2 9 ", b"1 2 3 four "),
    "PGM, P2, a long number": pnm("P2 2 2 9 ", b"1 2 3 00000000004 "),
    "PBM, P1, other digits": pnm("P1 2 2 ", b"0 1 2 0 "),
    "PPM, white is 0": pnm("P6 2 2 0 ", bytes(12)),
    "PPM, white is 65536": pnm("P6 2 2 65536 ", bytes(24)),
    "PPM, width below zero": pnm("P6 -2 2 255 ", bytes(12)),
    "PPM, 12,000 x 12,000 of nothing": pnm("P6 12000 12000 255 ", bytes(12)),
    "PGM, P2, 12,000 x 12,000 of nothing": pnm("P2 12000 12000 255 ", bytes(12)),
    "PPM, a long size": pnm("P6 20000000000 2 255 ", bytes(12)),
    "PPM, a magic of its own": pnm("P6x 2 2 255 ", bytes(12)),
}


def answer(data):
    """Width, height and CRC-32; null where Pillow refuses, or takes it for a format that is not asked about."""
    try:
        image = Image.open(io.BytesIO(data), formats=["BMP", "PPM"])
        rgb = image.convert("RGB")
        return [rgb.width, rgb.height, crc(rgb)]
    except Exception:
        return None


def cuts(data):
    found = []
    for length in range(len(data) + 1):
        got = answer(data[:length])
        if not found or found[-1][1] != got:
            found.append([length, got])
    return found


def entry(name, data):
    image = Image.open(io.BytesIO(data))
    width, height, crc32 = answer(data)
    return {"name": name, "mode": image.mode, "width": width, "height": height, "crc32": crc32, "cuts": cuts(data), "base64": base64.b64encode(data).decode()}


def header_length(data):
    return 70 if data[:1] == b"B" else 20


def changes():
    """Some bytes of some files, more often of their headers."""
    names = list(FILES)
    for _ in range(1500):
        name = random.choice(names)
        data = bytearray(FILES[name])
        places = []
        for _ in range(random.choice((1, 1, 2, 4))):
            at = random.randrange(min(header_length(data), len(data)) if random.random() < 0.7 else len(data))
            value = random.choice((0, 1, 2, 3, 4, 8, 16, 24, 32, 35, 48, 57, 127, 128, 255, random.randrange(256)))
            data[at] = value
            places.append([at, value])
        # Such files take Pillow's pure Python too long.
        width, height = struct.unpack("<ii", data[18:26]) if data[:2] == b"BM" and len(data) > 26 else (0, 0)
        if abs(width * height) > 2**22 and data[30:31] in (b"\1", b"\2"):
            continue
        yield {"name": name, "places": places, "found": answer(bytes(data))}


if __name__ == "__main__":
    refused = [{"name": name, "base64": base64.b64encode(data).decode()} for name, data in REFUSED.items() if answer(data) is None]
    assert len(refused) == len(REFUSED), [name for name, data in REFUSED.items() if answer(data)]
    every = {"name": "BMP, all 65,536 values", "crc32": [answer(bmp(16, every16, size=(256, 256), masks=m, compression=c))[2] for m, c in ((b"", 0), (masks(0xF800, 0x7E0, 0x1F), 3))]}
    write("bmp.json", f"Pillow {PIL.__version__}", {"pictures": [entry(*file) for file in FILES.items()], "refused": refused, "every16": [every], "damaged": list(changes())})
