"""timm's operations on a Pillow picture of 224x224 at level 7: milliseconds each, as JSON. See augment.ts."""

import json
import random
import sys
import time

import numpy as np
from PIL import Image
from timm.data import auto_augment

i = np.arange(224 * 224 * 3)
picture = Image.fromarray(((i * 7919 % 251 + i // 672) % 256).astype(np.uint8).reshape(224, 224, 3))
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def timed(change):
    times = []
    for _ in range(150):
        started = time.perf_counter()
        change(picture)
        times.append((time.perf_counter() - started) * 1000)
    return sum(times[50:]) / 100


found = {}
for name in [*auto_augment._RAND_TRANSFORMS, "GaussianBlur"]:
    geometric = name.startswith(("Rotate", "Shear", "Translate"))
    for filter in FILTERS if geometric else [""]:
        hparams = {"img_mean": (124, 116, 104), "interpolation": FILTERS.get(filter)}
        random.seed(1)
        found[f"{name} {filter}".strip()] = timed(auto_augment.AugmentOp(name, 1, 7, hparams))
random.seed(1)
np.random.seed(1)
found[sys.argv[1]] = timed(auto_augment.rand_augment_transform(sys.argv[1], {"img_mean": (124, 116, 104)}))
print(json.dumps(found))
