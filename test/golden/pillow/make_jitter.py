"""Golden file of torchvision's ColorJitter on Pillow pictures: python make_jitter.py, in this folder.

jitter.json: each entry of `jitter` is a picture of pattern() or spectrum(), the steps in their order, and the CRC-32 of what
comes out; one of `testPlus` a picture, what is drawn for it, and what the transform of the authors' second recipe then makes of it.
Made with Pillow 12. Pillow 13 gives the same, save for `testPlus` of the tall picture that `fixres-official` makes narrow, which it
resizes in another order.
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


def test_plus(size, resolution, interpolation, official, flip, order, draws, shift, to_right):
    """Resize, mirror, jitter, and the crop of which the left edge is moved; `draws` are shares of the range 0.95 to 1.05."""
    image = pattern(*size)
    side = int((256 / 224) * resolution)
    mode = F.InterpolationMode(interpolation)
    image = F.resize(image, [side, int(side * size[0] / size[1])] if official else side, mode)
    if flip:
        image = F.hflip(image)
    draws = iter(draws)
    for i in order:
        name = list(ADJUST)[i]
        if name != "hue":
            image = ADJUST[name](image, 0.95 + (1.05 - 0.95) * next(draws))
    left, top = int(round((image.width - resolution) / 2.0)), int(round((image.height - resolution) / 2.0))
    assert shift == 0 or shift <= left
    left += shift if to_right else -shift
    out = image.crop((left, top, left + resolution, top + resolution))
    return {
        "source": size,
        "resolution": resolution,
        "interpolation": interpolation,
        "transform": "fixres-official" if official else "standard",
        "drawn": {"flip": flip, "order": order, "factors": FACTOR_DRAWS, "shift": shift, "right": to_right},
        "crc32": crc(out),
    }


FACTOR_DRAWS = [0.0625, 0.8125, 0.375]
plus = []
ORDERS = itertools.cycle(itertools.permutations(range(4)))
for size, resolution, official, shifts in (
    ((61, 47), 32, False, (0, 1, 7)),
    ((61, 47), 33, True, (0, 2, 7)),
    ((200, 33), 32, True, (0, 50, 90)),
    ((47, 61), 32, False, (0, 1, 2)),
    ((40, 40), 41, True, (0, 1, 2)),
    ((33, 200), 32, False, (0, 2)),
    ((33, 200), 33, True, (0,)),
):
    for shift in shifts:
        for flip in (False, True):
            for right in (False, True):
                filter = "bilinear" if official else "bicubic"
                plus.append(test_plus(size, resolution, filter, official, flip, next(ORDERS), FACTOR_DRAWS, shift, right))

made_by = f"Pillow {PIL.__version__}, torchvision {torchvision.__version__.split('+')[0]}"
write("jitter.json", made_by, {"jitter": rows, "testPlus": plus})
