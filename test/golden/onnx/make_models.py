"""Small classifiers as PyTorch's two exporters write them, and their logits.

python make_models.py, with torch 2.15, onnx and onnxscript; run in this folder. Each has the parts of a family that matter when a
classifier is taken apart: where its last BatchNorm is, what stands between it and the classifier, how pictures are pooled.
"""

import json
import pathlib

import torch
from torch import nn

torch.manual_seed(7)
CLASSES = 5


def bn(channels):
    norm = nn.BatchNorm2d(channels)
    norm.running_mean.normal_(0, 0.2)
    norm.running_var.uniform_(0.5, 1.5)
    norm.weight.data.uniform_(0.7, 1.3)
    norm.bias.data.normal_(0, 0.2)
    return norm


def conv(i, o, k=3, s=1, g=1, act=nn.ReLU):
    return nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), bn(o), act())


class Residual(nn.Module):
    """ResNet, RegNet: the last BatchNorm is in a branch that a shortcut is added to."""

    def __init__(self):
        super().__init__()
        self.stem = conv(3, 16, s=2)
        self.reduce, self.middle = conv(16, 8, 1), conv(8, 8)
        self.expand, self.norm = nn.Conv2d(8, 16, 1, bias=False), bn(16)
        self.fc = nn.Linear(16, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        x = torch.relu(x + self.norm(self.expand(self.middle(self.reduce(x)))))
        return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


class Dense(nn.Module):
    """DenseNet: the last BatchNorm normalises what was concatenated, so it cannot be folded."""

    def __init__(self):
        super().__init__()
        self.stem, self.layer = conv(3, 12, s=2), conv(12, 6)
        self.norm = bn(18)
        self.classifier = nn.Linear(18, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        x = torch.relu(self.norm(torch.cat([x, self.layer(x)], 1)))
        return self.classifier(x.mean((2, 3)))


class Mobile(nn.Module):
    """MobileNetV3: squeeze-excite, hard swish, and a layer between pooling and classifier."""

    def __init__(self):
        super().__init__()
        self.stem, self.depthwise = conv(3, 8, s=2, act=nn.Hardswish), conv(8, 8, g=8)
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.last = conv(8, 24, 1, act=nn.Hardswish)
        self.hidden, self.fc = nn.Linear(24, 20), nn.Linear(20, CLASSES)

    def forward(self, x):
        x = self.depthwise(self.stem(x))
        gate = self.excite(torch.relu(self.squeeze(nn.functional.adaptive_avg_pool2d(x, 1))))
        x = self.last(x * nn.functional.hardsigmoid(gate))
        x = torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1)
        return self.fc(nn.functional.dropout(nn.functional.hardswish(self.hidden(x)), 0.2, self.training))


class Norm2d(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Next(nn.Module):
    """ConvNeXt: LayerNorms, no BatchNorm."""

    def __init__(self):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, 12, 4, 4), Norm2d(12)
        self.depthwise, self.norm = nn.Conv2d(12, 12, 7, padding=3, groups=12), nn.LayerNorm(12)
        self.wide, self.narrow = nn.Linear(12, 24), nn.Linear(24, 12)
        self.scale = nn.Parameter(torch.full((12, 1, 1), 0.5))
        self.head_norm, self.fc = Norm2d(12), nn.Linear(12, CLASSES)

    def forward(self, x):
        x = self.stem_norm(self.stem(x))
        y = self.narrow(nn.functional.gelu(self.wide(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))))
        x = x + self.scale * y.permute(0, 3, 1, 2)
        return self.fc(torch.flatten(self.head_norm(nn.functional.adaptive_avg_pool2d(x, 1)), 1))


class Squeeze(nn.Module):
    """SqueezeNet: a 1x1 convolution classifies each pixel, and the scores are pooled."""

    def __init__(self):
        super().__init__()
        self.stem, self.last = conv(3, 8, s=2), conv(8, 16)
        self.classifier = nn.Conv2d(16, CLASSES, 1)

    def forward(self, x):
        x = self.classifier(self.last(self.stem(x)))
        return torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1)


class Inside(nn.Module):
    """Pictures of 0 to 255, last axis first, which the network normalises itself; it gives probabilities."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([58.395, 57.12, 57.375]).view(1, 3, 1, 1))
        self.net = Residual()

    def forward(self, x):
        return torch.softmax(self.net((x.permute(0, 3, 1, 2) - self.mean) / self.std), 1)


class Fixed(nn.Module):
    """Pooled by a window of a fixed size, so that only one resolution will do."""

    def __init__(self):
        super().__init__()
        self.stem, self.fc = conv(3, 8, s=2), nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.fc(torch.flatten(nn.functional.avg_pool2d(self.stem(x), 16), 1))


def picture(batch, side):
    count = batch * side * side * 3
    return ((torch.arange(count) * 7919 + torch.arange(count) % 89 * 57) % 256).view(batch, side, side, 3).float()


MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])

if __name__ == "__main__":
    expected = {}
    for module in [Residual, Dense, Mobile, Next, Squeeze, Inside, Fixed]:
        net, name = module().eval(), module.__name__.lower()
        for parameter in net.parameters():
            # Exporters drop biases of zero and share equal values.
            parameter.data += 0.05 * torch.randn_like(parameter)

        def prepared(batch, side, raw=name == "inside"):
            pixels = picture(batch, side)
            return pixels if raw else ((pixels / 255 - MEAN) / STD).permute(0, 3, 1, 2).contiguous()

        x = prepared(1, 32)
        torch.onnx.export(net, (x,), f"{name}.old.onnx", dynamo=False, input_names=["input"], output_names=["logits"])
        torch.onnx.export(net, (x,), f"{name}.old11.onnx", dynamo=False, opset_version=11)
        torch.onnx.export(net, (x,), f"{name}.new.onnx", dynamo=True, input_names=["input"], output_names=["logits"])
        with torch.no_grad():
            sizes = [(3, 32)] if name == "fixed" else [(3, 32), (2, 45)]
            expected[name] = [{"batch": n, "side": r, "logits": net(prepared(n, r)).flatten().tolist()} for n, r in sizes]
    pathlib.Path("expected.json").write_text(json.dumps(expected, indent=1) + "\n")
