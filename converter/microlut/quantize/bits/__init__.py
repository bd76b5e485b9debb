"""Choose the bits of every layer: what each costs, and what to spend them on."""
