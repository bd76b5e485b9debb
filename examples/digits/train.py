"""Train this example's small CNN on scikit-learn's digits and write the files beside it.

    pip install 'microlut[examples]' && python examples/digits/train.py

Makes digits.keras, digits_calibration.npz (from the training images) and digits_test.npz (held-out
images with labels). The shipped files were made by this script.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
TEST_IMAGES = 597
CALIBRATION_IMAGES = 200
EPOCHS = 60


def network() -> keras.Model:
    """Return a residual CNN with a depthwise block for 8x8 grey images, with 5,000 weights."""
    image = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(20, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_bn")(x)
    stem = layers.ReLU(name="stem_relu")(x)
    x = layers.Conv2D(20, 3, padding="same", use_bias=False, name="body")(stem)
    x = layers.BatchNormalization(name="body_bn")(x)
    x = layers.Add(name="skip")([x, stem])
    x = layers.ReLU(name="skip_relu")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_bn")(x)
    x = layers.ReLU(6.0, name="depthwise_relu")(x)
    x = layers.Conv2D(40, 1, use_bias=False, name="pointwise")(x)
    x = layers.BatchNormalization(name="pointwise_bn")(x)
    x = layers.ReLU(name="pointwise_relu")(x)
    x = layers.Dropout(0.2, name="dropout")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(
        image, layers.Dense(10, activation="softmax", name="digit")(x), name="digits"
    )


def main() -> None:
    """Train, and write the model and its data."""
    keras.utils.set_random_seed(7)
    digits = load_digits()
    x = digits.images[..., None].astype(np.uint8)  # pixel values 0 to 16
    train_x, test_x, train_y, test_y = train_test_split(
        x, digits.target, test_size=TEST_IMAGES, random_state=7, stratify=digits.target
    )
    model = network()
    steps = EPOCHS * -(-len(train_x) // 32)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(train_x.astype(np.float32), train_y, epochs=EPOCHS, batch_size=32, verbose=2)
    _, accuracy = model.evaluate(test_x.astype(np.float32), test_y, verbose=0)
    print(f"accuracy on {len(test_x)} held-out images: {100 * accuracy:.2f} %")
    # A model that is not compiled is saved without optimizer state.
    bare = keras.Model(model.inputs, model.outputs, name=model.name)
    bare.save(HERE / "digits.keras")
    np.savez_compressed(HERE / "digits_calibration.npz", x=train_x[:CALIBRATION_IMAGES])
    np.savez_compressed(HERE / "digits_test.npz", x=test_x, y=test_y.astype(np.uint8))


if __name__ == "__main__":
    main()
