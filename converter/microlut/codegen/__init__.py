"""Write C sources and .tflite files. Nothing is decided here."""
