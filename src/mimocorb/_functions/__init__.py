"""The forms in which users write worker functions, and how each is called."""
