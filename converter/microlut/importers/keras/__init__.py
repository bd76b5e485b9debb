"""Read Keras models: .keras, .h5, SavedModel, and models in memory."""
