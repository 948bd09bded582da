"""What the gateway answers besides questions to a model: models, health, figures, and a page for people."""
