"""Small checkpoints by tf.compat.v1.train.Saver, what TensorFlow computes with them, and the names of a real B0. Run in this folder;
TensorFlow 2.21 wrote what is here.

names.json wants the official code (tensorflow/tpu at 7dc921f, models/official/efficientnet) and tf_keras 2.21:
python make_checkpoints.py FOLDER_OF_THE_OFFICIAL_CODE writes it; without an argument, all else is written."""
import json
import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"
import numpy as np
import tensorflow as tf2

tf = tf2.compat.v1
tf.disable_v2_behavior()

# Expansion, kernel, stride; the narrowest B0 has a block a stage, and 8 channels but in the last two.
BLOCKS = [(1, 3, 1, 8), (6, 3, 2, 8), (6, 5, 2, 8), (6, 3, 2, 8), (6, 5, 1, 8), (6, 5, 2, 16), (6, 3, 1, 16)]
STEM, HEAD, CLASSES = 8, 64, 5


def network(x, norm_name):
    def conv(x, name, shape, stride=1, bias=False):
        y = tf.nn.conv2d(x, tf.get_variable(f"{name}/kernel", shape), stride, "SAME")
        return y + tf.get_variable(f"{name}/bias", shape[3:]) if bias else y

    def norm(x, name):
        gamma, beta, mean, variance = (
            tf.get_variable(f"{name}/{leaf}", [x.shape[3]], trainable=leaf in ("gamma", "beta"))
            for leaf in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)

    swish = lambda x: x * tf.sigmoid(x)
    x = swish(norm(conv(x, "stem/conv2d", [3, 3, 3, STEM], 2), f"stem/{norm_name}"))
    for i, (expansion, kernel, stride, outputs) in enumerate(BLOCKS):
        inputs = x.shape[3]
        wide = inputs * expansion
        convs = iter(["conv2d", "conv2d_1"])
        norms = iter([norm_name, f"{norm_name}_1", f"{norm_name}_2"])
        with tf.variable_scope(f"blocks_{i}"):
            y = x
            if expansion != 1:
                y = swish(norm(conv(y, next(convs), [1, 1, inputs, wide]), next(norms)))
            weights = tf.get_variable("depthwise_conv2d/depthwise_kernel", [kernel, kernel, wide, 1])
            y = swish(norm(tf.nn.depthwise_conv2d(y, weights, [1, stride, stride, 1], "SAME"), next(norms)))
            squeezed = tf.reduce_mean(y, [1, 2], keepdims=True)
            squeezed = swish(conv(squeezed, "se/conv2d", [1, 1, wide, inputs // 4], bias=True))
            y *= tf.sigmoid(conv(squeezed, "se/conv2d_1", [1, 1, inputs // 4, wide], bias=True))
            y = norm(conv(y, next(convs), [1, 1, wide, outputs]), next(norms))
            x = x + y if stride == 1 and inputs == outputs else y
    x = tf.reduce_mean(swish(norm(conv(x, "head/conv2d", [1, 1, x.shape[3], HEAD]), f"head/{norm_name}")), [1, 2])
    return x @ tf.get_variable("head/dense/kernel", [HEAD, CLASSES]) + tf.get_variable("head/dense/bias", [CLASSES])


def values(name, shape, rng):
    if name.endswith(("moving_variance", "gamma")):
        return rng.uniform(0.5, 1.5, shape)
    if not name.endswith("kernel"):
        return rng.normal(0, 0.2, shape)
    fan_in = np.prod(shape[:2] if name.endswith("depthwise_kernel") else shape[:-1])
    return rng.normal(0, np.sqrt(2 / fan_in), shape)


def picture(size):
    return (np.arange(size * size * 3) * 7919 % 256 / 128 - 1).astype(np.float32).reshape(1, size, size, 3)


def save_in_parts(sess, path, parts):
    """What a Saver with sharded=True does where variables live on several machines."""
    os.makedirs(f"{path}_temp", exist_ok=True)
    prefixes = [f"{path}_temp/part-{i}" for i in range(len(parts))]
    saves = [tf.raw_ops.SaveV2(prefix=p, tensor_names=list(t), shape_and_slices=[""] * len(t), tensors=[tf.identity(v) for v in t.values()])
             for p, t in zip(prefixes, parts)]
    sess.run(saves)
    sess.run(tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=path, delete_old_dirs=True))


def checkpoints():
    expected = {"tensorflow": tf2.__version__, "logits": {}, "types": {}}
    # What a training run leaves: weights, averages of other values, slots, a counter.
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [1, None, None, 3])
        with tf.variable_scope("efficientnet-b0"):
            logits = network(x, "tpu_batch_normalization")
        weights = tf.global_variables()
        step = tf.train.get_or_create_global_step()
        average = tf.train.ExponentialMovingAverage(0.9999)
        average.apply(weights)
        # Slots of all variables would make the file twice as large.
        some = [v for v in tf.trainable_variables() if "blocks_1/" in v.name]
        tf.train.RMSPropOptimizer(0.1, momentum=0.9).minimize(tf.reduce_sum(logits), step, var_list=some)
        sess.run(tf.global_variables_initializer())
        rng = np.random.default_rng(0)
        for v in weights:
            value = values(v.op.name, v.shape.as_list(), rng)
            average.average(v).load(value, sess)
            v.load(value + 1, sess)
        tf.train.Saver(save_relative_paths=True).save(sess, "./training/model.ckpt", write_meta_graph=False)
        for v in weights:
            v.load(sess.run(average.average(v)), sess)
        expected["logits"]["training"] = {s: sess.run(logits, {x: picture(s)})[0].tolist() for s in (64, 65)}
    # Weights alone, without a scope, with TensorFlow's own norm, in three files.
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [1, None, None, 3])
        logits = network(x, "batch_normalization")
        rng = np.random.default_rng(1)
        for v in tf.global_variables():
            v.load(values(v.op.name, v.shape.as_list(), rng), sess)
        named = {v.op.name: v for v in tf.global_variables()}
        save_in_parts(sess, os.path.abspath("parts/model.ckpt"),
                      [{n: v for i, (n, v) in enumerate(named.items()) if i % 3 == part} for part in range(3)])
        expected["logits"]["parts"] = {s: sess.run(logits, {x: picture(s)})[0].tolist() for s in (64, 65)}
    # Every type, and a variable in parts.
    with tf.Graph().as_default(), tf.Session() as sess:
        rng = np.random.default_rng(2)
        kinds = {"float32": [2, 3], "float64": [3], "float16": [4], "bfloat16": [5], "int64": [2], "int32": [], "int16": [2],
                 "int8": [2], "uint8": [1], "bool": [3]}
        tensors = {}
        for kind, shape in kinds.items():
            value = rng.normal(0, 100, shape) if kind != "uint8" else np.full(shape, 200)
            tensors[f"types/{kind}"] = tf.cast(tf.constant(value), kind)
        tensors["types/empty"] = tf.zeros([0, 3])
        found = sess.run({n: tf.cast(t, tf.float64) for n, t in tensors.items()})
        for name, tensor in tensors.items():
            expected["types"][name] = {"dtype": tensor.dtype.name, "shape": tensor.shape.as_list(), "data": found[name].ravel().tolist()}
        tensors |= {"types/string": tf.constant(["a", "bc"]), "types/complex64": tf.zeros([1], tf.complex64)}
        names, slices, data = list(tensors), [""] * len(tensors), list(tensors.values())
        for begin in (0, 2):
            names.append("types/in_parts"), slices.append(f"4 2 {begin},2:0,2"), data.append(tf.ones([2, 2]))
        sess.run(tf.raw_ops.SaveV2(prefix="./types.ckpt", tensor_names=names, shape_and_slices=slices, tensors=data))
    json.dump(expected, open("expected.json", "w"))


def names(official):
    sys.path.insert(0, official)
    import efficientnet_builder

    efficientnet_builder.build_model(tf.placeholder(tf.float32, [1, 224, 224, 3]), "efficientnet-b0", training=False)
    shapes = {v.op.name.removeprefix("efficientnet-b0/"): v.shape.as_list() for v in tf.global_variables()}
    json.dump({"tensorflow": shapes}, open("names.json", "w"))


if len(sys.argv) > 1:
    names(sys.argv[1])
else:
    checkpoints()
