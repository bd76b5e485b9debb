"""The choice of bits for every layer: sensitivities, and allocation within a budget."""
