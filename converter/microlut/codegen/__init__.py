"""Write C sources and .tflite files: names, literals and templates, but no decisions."""
