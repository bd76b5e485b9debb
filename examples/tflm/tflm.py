"""Print what TensorFlow Lite for Microcontrollers answers to pictures.npz: class and score."""

import numpy as np
from tflite_micro.python.tflite_micro import runtime

interpreter = runtime.Interpreter.from_file("shapes.tflite")
for pixels in np.load("pictures.npz")["x"]:
    interpreter.set_input((pixels[None].astype(np.int16) - 128).astype(np.int8), 0)
    interpreter.invoke()
    (answer,) = interpreter.get_output(0)
    print(answer.argmax(), answer.max())
