"""Do what the verbs do with a converted model, one module per verb."""
