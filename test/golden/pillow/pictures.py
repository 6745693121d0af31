"""The pictures of golden files, those of pattern() in src/pictures.testing.ts, and how golden files are written."""

import json
import zlib

import numpy as np
from PIL import Image


def mix(x):
    x = x.astype(np.uint64)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return x ^ (x >> np.uint64(16))


def uniform(name, count):
    h = 0x811C9DC5
    for byte in name.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    i = np.arange(count, dtype=np.uint64)
    x = (i * np.uint64(0x9E3779B1) + np.uint64(h)) & np.uint64(0xFFFFFFFF)
    return mix(x).astype(np.float64) / 2**31 - 1


def pattern(width, height):
    noise = uniform(f"image {width}x{height}", width * height * 3).reshape(height, width, 3)
    y, x = np.mgrid[0:height, 0:width]
    red = x * 255 // max(1, width - 1)
    green = y * 255 // max(1, height - 1)
    blue = np.where((x // 8 + y // 8) % 2 == 1, 255, 0)
    values = np.floor(np.stack([red, green, blue], 2) * 0.75 + noise * 32 + 32)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def crc(image):
    return zlib.crc32(np.asarray(image).tobytes())


def write(name, made_by, lists):
    with open(name, "w") as file:
        file.write('{\n"made_by": ' + json.dumps(made_by))
        for key, rows in lists.items():
            file.write(f',\n"{key}": [\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]")
        file.write("\n}\n")
