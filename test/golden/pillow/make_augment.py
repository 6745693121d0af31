"""Golden file of timm's and torchvision's augmentations on Pillow pictures: python make_augment.py, in this folder.

augment.json: `operations` has, for an operation of timm's, a filter where there is one, a sign where there is one and a picture of
pattern(), the CRC-32 at each of the levels 0 to 10; `policies` those of a picture under an augmentation's name, once for each stream;
`erased` and `mixed` the same for random erasing and for mixup and CutMix. Streams are the numbers that uniform() gives for their name,
handed to timm and torchvision in the place of Python's, NumPy's and torch's. Made with Pillow 12; Pillow 13 gives the same, save
that it refuses to posterize to no bits, which is done here by a table.
"""

import math
import zlib
from types import SimpleNamespace

import numpy as np
import PIL
import timm
import torch
import torchvision
from PIL import Image
from pictures import crc, pattern, uniform, write
from timm.data import auto_augment, mixup, random_erasing
from torchvision.transforms import AutoAugment

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FILL = tuple(min(255, round(255 * x)) for x in MEAN)
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class Stream:
    """src/random.ts, over the numbers of a name."""

    def __init__(self, name):
        self.numbers = iter((uniform(name, 1 << 18) + 1) / 2)

    def random(self):
        return float(next(self.numbers))

    def integer(self, n):
        return int(self.random() * n)

    def normal(self):
        u = self.random()
        return math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * self.random())

    def choice(self, values):
        return values[self.integer(len(values))]

    def uniform(self, a, b):
        return a + (b - a) * self.random()

    def randint(self, a, b):
        return a + self.integer(b - a + 1)

    def gauss(self, mean, std):
        return mean + std * self.normal()

    def beta(self, a, b):
        x, y = (self.log_gamma(alpha) for alpha in (a, b))
        return 1 / (1 + math.exp(y - x))

    def log_gamma(self, alpha):
        """Marsaglia and Tsang's, of alpha + 1, and what brings it back to alpha."""
        d = alpha + 1 - 1 / 3
        while True:
            x = self.normal()
            v = (1 + x / math.sqrt(9 * d)) ** 3
            if v > 0 and math.log(1 - self.random()) < x * x / 2 + d - d * v + d * math.log(v):
                return math.log(d * v) + math.log(1 - self.random()) / alpha


def posterize(image, bits, **_):
    return image.point([0] * 768) if bits <= 0 else auto_augment.posterize(image, bits)


for name in auto_augment.NAME_TO_OP:
    if name.startswith("Posterize"):
        auto_augment.NAME_TO_OP[name] = posterize

SIZES = [(61, 47), (47, 61), (33, 33), (1, 1), (2, 2), (1, 9), (5, 3), (300, 2), (223, 225)]
GEOMETRIC = ["Rotate", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel"]
SIGNED = [*GEOMETRIC, "ColorIncreasing", "ContrastIncreasing", "BrightnessIncreasing", "SharpnessIncreasing"]
OMITTED = ["TranslateX", "TranslateY"]


def operation(name, size, filter=None, negative=None):
    draw = 0.75 if negative else 0.25
    auto_augment.random = SimpleNamespace(random=lambda: draw, uniform=lambda a, b: a + (b - a) * draw)
    hparams = {"img_mean": FILL, "interpolation": FILTERS.get(filter)}
    levels = [auto_augment.AugmentOp(name, 1, level, hparams)(pattern(*size)) for level in range(11)]
    given = {"filter": filter, "negative": negative}
    return {
        "operation": name,
        **{key: value for key, value in given.items() if value is not None},
        "size": size,
        "crc32": [crc(image) for image in levels],
    }


operations = [
    operation(name, size, filter, negative)
    for name in auto_augment.LEVEL_TO_ARG
    if name not in OMITTED
    for size in SIZES
    for filter in (FILTERS if name in GEOMETRIC else [None])
    for negative in ([False, True] if name in SIGNED else [None])
]


def weighted(stream, options, n, p):
    """NumPy's choice without replacement comes to the same probabilities by other draws."""
    left, drawn = list(p), []
    for _ in range(n):
        rest = stream.random() * sum(left)
        for i, weight in enumerate(left):
            rest -= weight
            if rest < 0:
                break
        drawn.append(options[i])
        left[i] = 0
    return drawn


def policy(augment, size, interpolation, streams):
    crcs = []
    for i in range(streams):
        stream = Stream(f"{augment} {i}")
        image = pattern(*size)
        if augment == "autoaugment":
            AutoAugment.get_params = staticmethod(
                lambda n: (stream.integer(n), [stream.random() for _ in range(2)], [stream.integer(2) for _ in range(2)])
            )
            crcs.append(crc(AutoAugment()(image)))
            continue
        auto_augment.random = stream
        auto_augment.np = SimpleNamespace(
            array=np.array,
            sum=np.sum,
            random=SimpleNamespace(
                choice=lambda options, n, replace, p: [stream.choice(options) for _ in range(n)]
                if replace
                else weighted(stream, options, n, WEIGHTS[augment.split('-t')[-1]])
            ),
        )
        hparams = {"img_mean": FILL}
        if interpolation != "random":
            hparams["interpolation"] = FILTERS[interpolation]
        make = auto_augment.rand_augment_transform if augment.startswith("rand") else auto_augment.auto_augment_transform
        crcs.append(crc(make(augment, hparams)(image)))
    return {"augment": augment, "interpolation": interpolation, "size": size, "crc32": crcs}


# Before they are divided by their sum, which is left to the draws.
WEIGHTS = {
    "weights": list(auto_augment._RAND_WEIGHTED_0.values()),
    "3aw": list(auto_augment._RAND_WEIGHTED_3A.values()),
}
policies = [
    policy("rand-m9-n2-mstd0.5", (61, 47), "random", 60),
    policy("rand-m9-mstd0.5-inc1", (47, 61), "random", 60),
    policy("rand-m7-n4-p0.8-mstd1.5", (33, 33), "bicubic", 30),
    policy("rand-m10-n3-mstd101-p1", (33, 35), "bilinear", 30),
    policy("rand-m30-n3-mmax30-p1-inc1", (33, 33), "bicubic", 60),
    policy("rand-m30-n2-mmax30-p1", (33, 21), "bilinear", 30),
    policy("rand-m60-n2-mmax60-p1", (33, 21), "random", 40),
    policy("rand", (61, 47), "bicubic", 10),
    policy("rand-m9-n3-mstd0.5-tweights", (61, 47), "random", 40),
    policy("rand-m8-n1-p1-mstd1-t3a", (61, 47), "random", 30),
    policy("rand-m8-n3-p0.9-t3aw", (47, 61), "random", 40),
    policy("3a", (61, 47), "random", 40),
    policy("original", (61, 47), "random", 100),
    policy("original-mstd0.5", (47, 61), "bilinear", 60),
    policy("originalr", (61, 47), "bicubic", 60),
    policy("v0", (61, 47), "random", 100),
    policy("v0r-mstd1", (33, 33), "bicubic", 60),
    policy("autoaugment", (61, 47), "nearest", 150),
]


class Torch(SimpleNamespace):
    """What random erasing takes from torch; normal numbers are drawn pixel for pixel."""

    @staticmethod
    def empty(size, **_):
        channels, height, width = size

        def normal():
            drawn = np.array([random_erasing.random.normal() for _ in range(channels * height * width)])
            return torch.from_numpy(drawn.reshape(height, width, channels).transpose(2, 0, 1).copy())

        return SimpleNamespace(normal_=normal)

    zeros = staticmethod(lambda size, **_: torch.zeros(size, dtype=torch.float64))


def erased(mode, size, probability, count, streams):
    random_erasing.torch = Torch()
    mean, std = (torch.tensor(x, dtype=torch.float64)[:, None, None] for x in (MEAN, STD))
    erase = random_erasing.RandomErasing(probability, mode=mode, max_count=count, device="cpu")
    crcs = []
    for i in range(streams):
        random_erasing.random = Stream(f"erase {mode} {i}")
        image = torch.from_numpy(np.asarray(pattern(*size)).transpose(2, 0, 1).copy()).double()
        normal = erase((image / 255 - mean) / std)
        out = ((normal * std + mean) * 255).round().clamp(0, 255).byte().numpy().transpose(1, 2, 0)
        crcs.append(zlib.crc32(out.tobytes()))
    return {"mode": mode, "size": size, "probability": probability, "count": count, "crc32": crcs}


erasing = [
    erased(mode, size, probability, count, 20)
    for mode in ("const", "rand", "pixel")
    for size, probability, count in (((33, 33), 0.25, 1), ((61, 47), 1, 1), ((47, 61), 1, 3), ((5, 3), 1, 2))
]


def mixed(options, size, rows, streams):
    mixup.np = SimpleNamespace(
        **{name: getattr(np, name) for name in ("ones", "zeros", "where", "sqrt", "clip", "concatenate", "float32")},
        **{name: getattr(np, name) for name in ("uint8", "rint", "ndarray")},
    )
    mix = mixup.FastCollateMixup(**options, label_smoothing=0.1, num_classes=10)
    outcomes = []
    for i in range(streams):
        stream = Stream(f"mix {i}")
        draw = lambda one: lambda *args, size=None: one(*args) if size is None else np.array([one(*args) for _ in range(size)])
        mixup.np.random = SimpleNamespace(
            rand=lambda n=None: stream.random() if n is None else np.array([stream.random() for _ in range(n)]),
            beta=draw(stream.beta),
            randint=draw(lambda a, b: a + stream.integer(b - a)),
        )
        # Rows of one picture: different ones, of the same size.
        tall = np.asarray(pattern(size[0], size[1] * rows)).reshape(rows, size[1], size[0], 3)
        batch = [(row.transpose(2, 0, 1).copy(), (3 * j + 1) % 10) for j, row in enumerate(tall)]
        pixels, targets = mix(batch)
        outcomes.append(
            {
                "crc32": zlib.crc32(pixels.numpy().transpose(0, 2, 3, 1).tobytes()),
                "targets": [[round(float(value), 6) for value in row] for row in targets],
            }
        )
    names = {"mixup_alpha": "mixup", "cutmix_alpha": "cutmix", "prob": "probability", "switch_prob": "switchProbability"}
    return {
        "options": {names.get(key, key): value for key, value in options.items()},
        "resolution": size[0],
        "rows": rows,
        "outcomes": outcomes,
    }


mixing = [
    mixed({"mixup_alpha": alpha, "cutmix_alpha": cutmix, "prob": prob, "switch_prob": 0.5, "mode": mode}, size, rows, 6)
    for mode in ("batch", "elem", "pair")
    for alpha, cutmix, prob, size, rows in (
        (0.2, 0.0, 1.0, (9, 9), 4),
        (0.0, 1.0, 1.0, (9, 9), 4),
        (0.8, 1.0, 0.7, (13, 13), 6),
        (4.0, 0.1, 1.0, (8, 8), 2),
    )
]

made_by = f"Pillow {PIL.__version__}, timm {timm.__version__}, torchvision {torchvision.__version__.split('+')[0]}"
write("augment.json", made_by, {"operations": operations, "policies": policies, "erased": erasing, "mixed": mixing})
