"""Golden file of torchvision's ColorJitter on Pillow pictures: python make_jitter.py, in this folder.

jitter.json: each entry is a picture of pattern() or spectrum(), the steps in their order, and the CRC-32 of what comes out.
Pillow 12.0.0 gives the same file, made_by aside.
"""

import itertools

import numpy as np
import PIL
import torchvision
from PIL import Image
from pictures import crc, pattern, write
from torchvision.transforms import functional as F

ADJUST = {
    "brightness": F.adjust_brightness,
    "contrast": F.adjust_contrast,
    "saturation": F.adjust_saturation,
    "hue": F.adjust_hue,
}


def spectrum(width, height):
    """Colours spread over the whole cube: the i-th is 251 i."""
    i = np.arange(width * height, dtype=np.uint32) * 251
    return Image.fromarray(np.stack([i >> 16 & 255, i >> 8 & 255, i & 255], 1).astype(np.uint8).reshape(height, width, 3))


PICTURES = {"pattern": pattern, "spectrum": spectrum}


def entry(kind, size, *steps):
    image = PICTURES[kind](*size)
    for name, factor in steps:
        image = ADJUST[name](image, factor)
    return {"picture": kind, "size": size, "steps": steps, "crc32": crc(image)}


FACTORS = [0, 0.05, 0.5, 0.95, 0.9734012, 1, 1.0123456, 1.05, 1.5, 3.3]
HUES = [-0.5, -0.3333, -0.05, -0.004, -0.003, 0, 0.003, 0.004, 0.02, 0.05, 0.25, 0.5]
SIZES = [(61, 47), (47, 61), (1, 1), (1, 9), (300, 2), (5, 3)]
rows = [
    entry(kind, size, (name, factor))
    for kind, size in (("spectrum", (258, 259)), ("pattern", (61, 47)))
    for name in ADJUST
    for factor in (HUES if name == "hue" else FACTORS)
]
# Every order, with factors that move all, and of all sizes; what rounding leaves depends on the order.
for i, order in enumerate(itertools.permutations(ADJUST)):
    up = {"brightness": 1.31, "contrast": 1.27, "saturation": 1.4, "hue": 0.11}
    down = {"brightness": 0.81, "contrast": 0.77, "saturation": 0.6, "hue": -0.07}
    near = {"brightness": 1.0371, "contrast": 0.9612, "saturation": 1.0457, "hue": 0.0311}
    for factors in (up, down, near):
        rows.append(entry("pattern", SIZES[i % len(SIZES)], *((name, factors[name]) for name in order)))
    rows.append(entry("spectrum", (41, 100), *((name, near[name]) for name in order)))

write("jitter.json", f"Pillow {PIL.__version__}, torchvision {torchvision.__version__.split('+')[0]}", {"jitter": rows})
