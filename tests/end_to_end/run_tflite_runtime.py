"""Run a .tflite file: python run_tflite_runtime.py MODEL INPUTS.npy OUTPUTS.npy.

For the environment of the old tflite-runtime, which has neither microlut nor its dependencies.
"""

import sys

import numpy as np


def main() -> None:
    from tflite_runtime.interpreter import Interpreter, OpResolverType

    model, inputs, outputs = sys.argv[1:]
    interpreter = Interpreter(model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    first = interpreter.get_input_details()[0]["index"]
    last = interpreter.get_output_details()[0]["index"]
    rows = []
    for x in np.load(inputs):
        interpreter.set_tensor(first, x[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(last)[0].reshape(-1))
    np.save(outputs, np.stack(rows))


if __name__ == "__main__":
    main()
