"""Import ONNX models: `file` reads them, `translate` makes the float graph, others an operator."""
