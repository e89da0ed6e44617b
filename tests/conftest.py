from hypothesis import settings

settings.register_profile("swann", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("swann")
