"""Who is transformed, and the model that transforms them."""
