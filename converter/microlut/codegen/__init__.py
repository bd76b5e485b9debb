"""Writing of C sources and .tflite files, after all decisions of the planner."""
