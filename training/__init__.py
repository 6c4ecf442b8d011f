"""Training of the models: recipes, data, supervised fine-tuning. Nothing heavy is imported until a run starts."""
